"""Chains: no event and no logged operation was changed, moved, taken out or put in since it was written, and no end was
cut off (I7; `services/kernel/chain.py`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from services.kernel.chain import ATTEMPTS, BYTES, EVENTS, KEY_NAME, NONE_YET, OPERATIONS, name_of, origin
from settle.audit.findings import CARD, CREDIT, ORDER, SERVICES, Check, Finding, Walk, instant
from settle.audit.folds import credit_operations
from settle.audit.links import Broken, Ends, Fault, Follower, Row, faults
from settle.audit.shared_reads import EVENTS as EVENT_ROWS
from settle.audit.shared_reads import once, pages_of, read_all
from settle.audit.snapshots import World

_EVENT_ENDS = """select r.id, r.sequence, r.events_head, coalesce(s.number, 0), coalesce(c.sequence, 0), c.hash
                 from {root} r left join event_checkpoints c on c.aggregate_id = r.id
                 left join chain_starts s on s.chain = 'events' and s.id = r.id where r.id = any($1::text[])"""
_OPERATION_ENDS = """select r.id, r.operations, r.operations_head, coalesce(s.number, 0), 0, null::bytea
                     from {root} r left join chain_starts s on s.chain = 'operations' and s.id = r.id
                     where r.id = any($1::text[])"""
_ATTEMPT_ROWS = """select volume, number, link, id, request_id, at, actor, channel, kind, outcome, reason, card_id,
                          order_id
                   from attempts where volume = any($1::text[]) order by volume, number"""
_ATTEMPT_ENDS = """select r.id, r.attempts, r.attempts_head, 0::bigint, 0::bigint,
                          (select p.attempts_head from {root} p where p.id < r.id order by p.id desc limit 1)
                   from {root} r where r.id = any($1::text[])"""
_CAUSES = {
    Fault.CHANGED: "the row was changed, or put there, by hand",
    Fault.RELINKED: "the row's link was changed by hand",
    Fault.UNLINKED: "written by hand, or by a process from before there were chains while others made them:"
                    " see accept_unlinked()",
    Fault.MOVED: "rows were given other numbers by hand",
    Fault.MISSING: "the row was deleted by hand",
    Fault.ADDED: "the row was put there by hand, or comes from a copy of another time",
    Fault.HEAD: "the last rows were cut off and the count was set back, or the head was changed, by hand",
    Fault.COUNT: "the count was changed by hand",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """The chains of one name below the roots of a table: what reads their rows and their ends."""

    name: str
    service: str
    root: str
    rows: str
    ends: str
    count: str

    @property
    def check(self) -> str:
        """The id of the promise about these chains."""
        return _CHECKS_OF[self.name]

    async def find(self, world: World, ids: Sequence[str]) -> list[Finding]:
        """What is wrong with the chains of these roots. A chain that holds is read once, a row at a time; one that does
        not is read again, whole."""
        connection = world[self.service]
        if await key_name(world, self.service) != name_of(world.chain_key):
            return []  # `chain_keys` tells it once
        ends = {row[0]: self._ends_of(row) for row in await connection.fetch(self.ends.format(root=self.root), ids)}
        followers = {root: Follower(each, world.chain_key) for root, each in ends.items()}
        async for page in pages_of(world, self.service, self.rows, ids):
            for row in page:
                if (follower := followers.get(row[0])) is not None:
                    follower.take(_row_of(row))
        broken = [root for root, follower in followers.items() if not follower.end()]
        return [finding for root in broken for finding in await self._located(world, ends[root])]

    def _ends_of(self, row: asyncpg.Record) -> Ends:
        root, count, head, unlinked, dropped, left = row
        if left is None or len(left) != BYTES:  # nothing was dropped, or what was had no chain
            left = NONE_YET
        return Ends(self.name, root, count, head, dropped=dropped, left=left, unlinked=unlinked)

    async def _located(self, world: World, ends: Ends) -> list[Finding]:
        records = {row[1]: row for row in await read_all(world, self.service, self.rows, [ends.root])}
        found = faults(ends, [_row_of(record) for record in records.values()], world.chain_key)
        return [self._told(ends, broken, records.get(broken.number)) for broken in found]

    def _told(self, ends: Ends, broken: Broken, record: asyncpg.Record | None) -> Finding:
        what = f"{self.name} {ends.root} number {broken.number}"
        if broken.fault in (Fault.HEAD, Fault.COUNT):
            what = f"{self.root} {ends.root} {f'{self.name}_head' if broken.fault is Fault.HEAD else self.count}"
        at = next((value for value in record or () if isinstance(value, datetime)), None)
        return Finding(
            self.check, self.service, what, broken.expected, f"{broken.actual} ({broken.fault})",
            since=instant(at), cause=_CAUSES[broken.fault],
        )


def _row_of(record: asyncpg.Record) -> Row:
    if "cause" in record.keys():  # noqa: SIM118  # of an event; a record is no mapping
        _, number, link, kind, at, saga_id, payload, cause = record
        return Row(number, (kind, at, origin(saga_id, cause), payload), link)
    _, number, link, *values = record
    return Row(number, tuple(values), link)


def _events_of(service: str, root: str) -> Kind:
    return Kind(EVENTS, service, root=root, rows=EVENT_ROWS, ends=_EVENT_ENDS, count="sequence")


async def notes(world: World, service: str) -> list[str]:
    """How many chains begin behind rows that nothing holds: those from before, and whatever was accepted since."""
    rows = await world[service].fetch("select chain, count(*) count from chain_starts group by chain order by chain")
    return [f"{service}: {row['count']} chains of {row['chain']} have rows without a link, accepted" for row in rows]


@once
async def key_name(world: World, service: str) -> str:
    """By what the key is known under which the chains of a service are; a database that no process served has none."""
    name = await world[service].fetchval("select value from runtime_facts where name = $1", KEY_NAME)
    return name_of(world.chain_key) if name is None else name


async def chain_keys(world: World) -> list[Finding]:
    """Where the chains cannot be followed, for they are under another key."""
    given = name_of(world.chain_key)
    names = {service: await key_name(world, service) for service in SERVICES}
    return [
        Finding(CHAIN_KEYS, service, KEY_NAME, name or "none", given or "none", cause=_OTHER_KEY)
        for service, name in names.items() if name != given
    ]


EVENT_CHAINS, OPERATION_CHAINS, CHAIN_KEYS = "chains.events", "chains.operations", "chains.key"
RECORD_CHAINS = "chains.record"
_CHECKS_OF = {EVENTS: EVENT_CHAINS, OPERATIONS: OPERATION_CHAINS, ATTEMPTS: RECORD_CHAINS}
_OTHER_KEY = "the auditor was not given the services' SETTLE_CHAIN_KEY; or the fact was changed by hand"
SAYS = {
    CHAIN_KEYS: "the auditor has the key under which the services make their chains",
    EVENT_CHAINS: "the events of every aggregate are those that were written, in their order and to the last",
    OPERATION_CHAINS: "the log of every account has the operations that were written, in their order and to the last",
    RECORD_CHAINS: "the permanent record has the attempts that were recorded, in their order and to the last (RD-31)",
}
CHAINED = (
    ("order", _events_of(ORDER, "orders")), ("account", _events_of(CREDIT, "credit_accounts")),
    ("share", _events_of(CREDIT, "merchant_shares")), ("reconciliation", _events_of(CREDIT, "reconciliations")),
    ("channel", _events_of(CREDIT, "recycling_channels")), ("switch", _events_of(CREDIT, "payout_switches")),
    ("card", _events_of(CARD, "gift_cards")), ("share", _events_of(CARD, "merchant_shares")),
    ("channel", _events_of(CARD, "channels")), ("calendar", _events_of(CARD, "calendars")),
    ("agreement", _events_of(CARD, "enterprise_agreements")),
    ("account", Kind(
        name=OPERATIONS, service=CREDIT, root="credit_accounts", rows=credit_operations.QUERY, ends=_OPERATION_ENDS,
        count="operations",
    )),
    ("volume", Kind(
        name=ATTEMPTS, service=CARD, root="record_volumes", rows=_ATTEMPT_ROWS, ends=_ATTEMPT_ENDS, count="attempts",
    )),
)
"""All chains that there are, by the kind of aggregate that is walked over."""

WALKS = tuple(Walk(kind.check, SAYS[kind.check], kind.service, of, kind.find) for of, kind in CHAINED)


def _strays(name: str, key: str, *roots: str) -> str:
    known = " ".join(f"except select id from {root}" for root in roots)
    return f"""select '{name} ' || id, 'a row of {' or '.join(roots)}', 'none'
               from (select {key} id from {name} {known}) stray"""


def _stray_events(*roots: str) -> str:
    return " union all ".join(_strays(name, "aggregate_id", *roots) for name in ("events", "event_checkpoints"))


CHECKS = (
    Check(
        "chains.of_orders", "every event is of an order that is there", (ORDER,), _stray_events("orders"),
        "the order was deleted by hand, or the event put there",
    ),
    Check(
        "chains.of_credit",
        "every event and operation is of an account, a share, a comparison, a channel or the switch that is there",
        (CREDIT,), _stray_events(
            "credit_accounts", "merchant_shares", "reconciliations", "recycling_channels", "payout_switches"
        ) + " union all "
        + _strays("operations", "account_id", "credit_accounts"),
        "the root was deleted by hand, or the row put there",
    ),
    Check(
        "chains.of_cards", "every event is of a card, a share, a channel, a calendar or an agreement that is there",
        (CARD,), _stray_events("gift_cards", "merchant_shares", "channels", "calendars", "enterprise_agreements"),
        "the root was deleted by hand, or the event put there",
    ),
)
"""A chain is followed from its root: rows without one belong to nobody."""
