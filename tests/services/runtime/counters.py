"""The smallest whole service: counters that one adds to. 0 is refused, 13 is a defect."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from google.protobuf.wrappers_pb2 import Int64Value, StringValue, UInt64Value

from services.kernel.chain import NONE_YET
from services.kernel.decision import Decision, Done, Event, Known, rule, rules
from services.kernel.errors import FailedPrecondition
from services.kernel.messages import Message
from services.runtime.ground.codec import Codec, Entry
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection, Table
from services.runtime.service import Service

SCHEMA = """create table counters (
    id text primary key, value bigint not null, version bigint not null, events_head bytea not null default '')"""


@dataclass(frozen=True, slots=True)
class Counter:
    """A number; its version is the number of its events too."""

    key: str
    value: int = 0
    version: int = 0
    events_head: bytes = field(default=NONE_YET, compare=False, repr=False)

    @property
    def root(self) -> str:
        """Itself."""
        return self.key


@dataclass(frozen=True, slots=True)
class Add:
    """Add this much."""

    amount: int


@dataclass(frozen=True, slots=True)
class Total:
    """What it came to."""

    value: int


@dataclass(frozen=True, slots=True)
class Added:
    """It was added to."""

    value: int


async def load(connection: Connection, keys: Sequence[str]) -> list[Counter]:
    """Locked in one order."""
    rows = await connection.fetch(
        """select id, value, version, events_head from counters where id = any($1::text[])
           order by id for no key update""", keys
    )
    return [Counter(*row) for row in rows]


save = Saving(
    "counters", key="id", once=(column("id", "text", "key"),),
    moving=(*columns("bigint", "value", "version"), column("events_head", "bytea")),
)


def decide(known: Known, body: Add, message: Message, now: datetime) -> Decision:
    """Add, count, tell."""
    counter = known.find(Counter, message.key) or Counter(message.key)
    if body.amount == 0:
        raise FailedPrecondition("NOTHING_TO_ADD", "zero")
    if body.amount == 13:
        raise ValueError("unlucky")
    moved = replace(counter, value=counter.value + body.amount, version=counter.version + 1)
    return Decision(Done(Total(moved.value)), (moved,), events=(Event(moved.key, moved.version, Added(moved.value)),))


CODEC = Codec(
    Entry(Add, Int64Value, lambda b: Int64Value(value=b.amount), lambda m: Add(m.value)),
    Entry(Total, UInt64Value, lambda b: UInt64Value(value=b.value), lambda m: Total(m.value)),
    Entry(Added, StringValue, lambda b: StringValue(value=str(b.value)), lambda m: Added(int(m.value))),
)

SERVICE = Service(
    name="counter", inbound="commands", tables=(Table(Counter, load, save, root=True, tells=True),),
    rules=rules(rule(Add, lambda body, message: ((Counter, message.key),), decide)), timers={}, codec=CODEC,
    servicers=(), migrations=Path("nowhere"),
)
