"""Counters that a saga can claim: TRY keeps a claim, CONFIRM adds, CANCEL does not; calls and timers meet the claim."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.kernel.decision import Decision, Done, Known, Wanted, rule, rules, timer_rules
from services.kernel.messages import Message, TimerDue
from services.kernel.participant import Pending, refuse_if_busy, take_part
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection, Table
from services.runtime.service import Service
from tests.services.runtime.counters import SERVICE, Add, Total

SCHEMA = """create table claimed (
    id text primary key, value bigint not null, version bigint not null, saga_id text not null, tried_at timestamptz)"""
RING = "ring"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A number, and who claimed it."""

    key: str
    value: int = 0
    version: int = 0
    pending: Pending | None = None

    @property
    def root(self) -> str:
        """Itself."""
        return self.key


async def load(connection: Connection, keys: Sequence[str]) -> list[Claimed]:
    """Locked in one order."""
    rows = await connection.fetch(
        """select id, value, version, saga_id, tried_at from claimed where id = any($1::text[])
           order by id for no key update""", keys
    )
    return [Claimed(row[0], row[1], row[2], Pending(row[3], row[4]) if row[3] else None) for row in rows]


save = Saving(
    "claimed", key="id", once=(column("id", "text", "key"),),
    moving=(
        *columns("bigint", "value", "version"),
        column("saga_id", "text", lambda row: row.pending.saga_id if row.pending else ""),
        column("tried_at", "timestamptz", lambda row: row.pending.tried_at if row.pending else None),
    ),
)


def claimed_service(decisions: Counter[str], rung: list[str]) -> Service:
    """The service; it notes how often each message was decided, and which timers came true."""

    def wanted(body: object, message: Message) -> Wanted:
        return ((Claimed, message.key),)

    def add(known: Known, body: Add, message: Message, now: datetime) -> Decision:
        decisions[message.id] += 1
        counter = known.find(Claimed, message.key) or Claimed(message.key)

        def execute(free: Claimed, at: datetime) -> Decision:
            moved = replace(free, value=free.value + body.amount, version=free.version + 1)
            return Decision(Done(Total(moved.value)), (moved,))

        if message.saga is not None:
            return take_part(counter, message, now, execute)
        refuse_if_busy(counter)
        return execute(counter, now)

    def ring(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
        refuse_if_busy(known.find(Claimed, message.key) or Claimed(message.key))
        rung.append(body.key)
        return Decision()

    return replace(
        SERVICE, tables=(Table(Claimed, load, save, root=True),), rules=rules(rule(Add, wanted, add)),
        timers=timer_rules((RING, rule(TimerDue, wanted, ring))),
    )
