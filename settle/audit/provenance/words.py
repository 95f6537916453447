"""What the walks of provenance read, as values: operations, decisions with their journals, events."""

from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from services.kernel.decision import Vector
from settle.audit.findings import Finding, instant
from settle.audit.shared_reads import DROPPED, EVENTS, JOURNALS, read_all
from settle.audit.shared_reads import rows as shared_rows
from settle.audit.snapshots import World

_MOVED = msgspec.json.Decoder(Vector)

ON_THE_WIRE = {"CreditRefundReversed": "RefundReversed"}
"""The events whose message has another name than what the domain calls them; two services reverse refunds."""


Line = tuple[str, str, int]
"""One line of a journal: its account, its sub-account and fen."""


class Posted(NamedTuple):
    """One journal."""

    root: str
    root_version: int
    no: int
    op: str
    unit: str
    order_id: str
    saga_id: str
    posted_at: datetime
    lines: tuple[Line, ...]

    @property
    def key(self) -> str:
        """How a finding names it."""
        return f"journal {self.root}/{self.root_version}/{self.no} {self.op} {self.unit}"


class Decided(NamedTuple):
    """The journals of one decision of a root."""

    root: str
    version: int
    saga_id: str
    posted_at: datetime
    journals: tuple[Posted, ...]


class Told(NamedTuple):
    """One event; `type` as the domain calls it."""

    aggregate_id: str
    sequence: int
    type: str
    at: datetime
    saga_id: str
    pruned: bool

    @property
    def key(self) -> str:
        """How a finding names it."""
        return f"event {self.aggregate_id}/{self.sequence} {self.type}"


class Logged(NamedTuple):
    """One operation of an account's log."""

    account_id: str
    number: int
    kind: str
    at: datetime
    order_id: str
    reference: str
    saga_id: str
    said_moved: str

    @property
    def moved(self) -> Vector:
        """How the figures of the account changed by it, by name; raises if that cannot be read."""
        return () if self.said_moved == "[]" else _MOVED.decode(self.said_moved)

    @property
    def key(self) -> str:
        """How a finding names it."""
        return f"operation {self.account_id}/{self.number} {self.kind}"


async def decisions(world: World, service: str, roots: Sequence[str]) -> dict[str, list[Decided]]:
    """The decisions of these roots that posted something, by root and in their order."""
    found: dict[str, list[Decided]] = {}
    rows = await read_all(world, service, JOURNALS, roots)
    for (root, version), group in groupby(map(_posted, rows), key=itemgetter(0, 1)):
        journals = tuple(group)
        found.setdefault(root, []).append(
            Decided(root, version, journals[0].saga_id, journals[0].posted_at, journals)
        )
    return found


async def events(world: World, service: str, roots: Sequence[str]) -> dict[str, list[Told]]:
    """The events of these aggregates, in their order."""
    found: dict[str, list[Told]] = {}
    pruned = {row["aggregate_id"] for row in await shared_rows(world, service, DROPPED, roots)}
    for row in await read_all(world, service, EVENTS, roots):
        aggregate_id, sequence, _, type_name, at, saga_id, _, _ = row
        name = type_name.rpartition(".")[2]
        told = Told(
            aggregate_id, sequence, ON_THE_WIRE.get(name, name), at, saga_id, pruned=aggregate_id in pruned
        )
        found.setdefault(aggregate_id, []).append(told)
    return found


def finding(check: str, service: str, key: str, expected: str, actual: str, at: datetime | None = None) -> Finding:
    """A finding about the row of this key, so since this instant."""
    return Finding(check, service, key, expected, actual, since=instant(at))


def said(lines: Sequence[Line]) -> str:
    """Lines as a finding shows them."""
    return ", ".join(f"{account} {sub} {amount}".replace("  ", " ") for account, sub, amount in lines) or "no lines"


def inconsistent(decision: Decided) -> Iterator[Posted]:
    """The journals that say of their decision what its first one does not: its saga, or its instant."""
    for journal in decision.journals:
        if (journal.saga_id, journal.posted_at) != (decision.saga_id, decision.posted_at):
            yield journal


def sums(journals: Iterable[Posted], accounts: Container[str]) -> dict[str, int]:
    """What journals moved on these accounts."""
    found: dict[str, int] = {}
    for journal in journals:
        for account, _, amount in journal.lines:
            if account in accounts:
                found[account] = found.get(account, 0) + amount
    return found


def _posted(row: Any) -> Posted:  # Any: asyncpg record
    whole = tuple(row)
    accounts, subs, amounts = whole[8:]
    lines = tuple(zip(accounts, subs, amounts, strict=True)) if len(accounts) == len(subs) == len(amounts) else ()
    return Posted._make((*whole[:8], lines))
