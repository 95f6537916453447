"""The rows behind a finding, of every kind and database, as lines for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from settle.audit.findings import CARD, CREDIT, ORDER
from settle.audit.snapshots import Connection

LINES_MAX = 200
"""The last so many rows of one kind in one database."""
TEXT_MAX = 400


@dataclass(frozen=True, slots=True)
class Line:
    """One row behind a finding: since when it is, in which database, of which kind, and what it says."""

    at: str
    where: str
    kind: str
    says: str


@dataclass(frozen=True, slots=True)
class Names:
    """What a finding names, and what that leads to: orders, the accounts and cards behind them, settlements."""

    named: list[str]
    orders: list[str]
    owners: list[str]
    sagas: list[str]

    @property
    def all(self) -> list[str]:
        """Whatever may be the root of something."""
        return sorted({*self.named, *self.orders, *self.sagas})

    @property
    def messages(self) -> list[str]:
        """The ids of the messages of the settlements, and whatever the finding names, which may be a request's."""
        return [*self.named, *(f"{saga}/{op}" for saga in self.sagas for op in ("T", "F", "C"))]


class Shown(NamedTuple):
    """One kind of row: its instant, its words, where it is found, and by what the last ones are the last."""

    kind: str
    at: str
    says: Sequence[str]
    table: str
    where: str
    last: str


_OF_OWNERS = "{owner} = any({{named}}) or {owner} = any({{owners}}) and ({of})"
_OF_ORDER_OR_SAGA = "order_id = any({orders}) or saga_id = any({sagas})"
_OF_ALL = (
    Shown(
        "message", "decided_at", ("message_id", "verdict", "type"), "inbox", "message_id = any({messages})",
        last="decided_at",
    ),
    Shown(
        "set aside", "parked_at", ("id", "message_id", "state", "reason", "detail"), "parked",
        "key = any({all}) or message_id = any({messages})", last="id",
    ),
    Shown(
        "settlement", "started_at",
        ("id", "kind", "root", "phase", "decision", "reason", "'ended'", "updated_at", "'plan'", "plan", "branches"),
        "saga_records", "id = any({sagas})", last="started_at",
    ),
    Shown(
        "event", "at", ("aggregate_id", "sequence", "type", "saga_id"), "events", "aggregate_id = any({all})",
        last="sequence",
    ),
    Shown("timer", "due_at", ("kind", "key", "'of'", "root"), "timers", "root = any({all})", last="due_at"),
    Shown(
        "operator", "acted_at", ("act", "target", "'by'", "operator_id", "reason"), "operator_acts",
        "target = any({all})", last="acted_at",
    ),
)
_JOURNALS = Shown(
    "journal", "posted_at",
    ("root || '/' || root_version || '/' || no", "op", "unit", "order_id", "saga_id", "accounts", "subs", "amounts"),
    "journals", _OF_OWNERS.format(owner="root", of=_OF_ORDER_OR_SAGA), last="root_version",
)
_SHOWN: Mapping[str, Sequence[Shown]] = {
    ORDER: (
        *_OF_ALL,
        Shown(
            "order", "placed_at", ("id", "state", "'lines'", "lines", "'tenders'", "tenders", "'refunds'", "refunds"),
            "orders", "id = any({orders})", last="placed_at",
        ),
        Shown(
            "return case", "requested_at", ("id", "state", "settlement_id", "'lines'", "lines"), "return_cases",
            "id = any({named}) or order_id = any({orders})", last="requested_at",
        ),
    ),
    CREDIT: (
        *_OF_ALL,
        _JOURNALS,
        Shown(
            "operation", "at",
            ("account_id || '/' || number", "kind", "order_id", "reference", "saga_id", "body", "facts"),
            "operations", _OF_OWNERS.format(owner="account_id", of=_OF_ORDER_OR_SAGA), last="number",
        ),
        Shown(
            "leg", "created_at", ("id", "order_id", "rail", "amount_minor", "state", "word", "ended", "detail"), "legs",
            "id = any({named}) or " + _OF_OWNERS.format(owner="account_id", of="order_id = any({orders})"),
            last="created_at",
        ),
    ),
    CARD: (*_OF_ALL, _JOURNALS),
}


_NAMES = ("named", "orders", "owners", "sagas", "all", "messages")


async def lines_of(connection: Connection, service: str, names: Names) -> list[Line]:
    """What a service's database holds of these names."""
    lines = []
    for shown in _SHOWN[service]:
        used = [name for name in _NAMES if f"{{{name}}}" in shown.where]
        places = {name: f"${number}::text[]" for number, name in enumerate(used, 1)}
        rows = await connection.fetch(
            f"""select {shown.at} at, concat_ws(' ', {", ".join(shown.says)}) says from {shown.table}
                where {shown.where.format(**places)} order by {shown.last} desc limit {LINES_MAX}""",
            *(getattr(names, name) for name in used),
        )
        lines += [Line(row["at"].isoformat(), service, shown.kind, _short(row["says"])) for row in rows]
    return lines


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TEXT_MAX else f"{line[:TEXT_MAX]} ..."
