"""A participant small enough to see through: boxes with a limit, claimed by TRY,
given back by CANCEL, kept by CONFIRM."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.kernel.decision import Decision, Done, Known, rule, rules
from services.kernel.errors import FailedPrecondition
from services.kernel.messages import Message, Op
from services.runtime.ground.codec import Codec
from services.runtime.ground.records import Outbound
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection, Table
from services.runtime.lanes.business import Business

SCHEMA = """
create table boxes (
    id text primary key, room bigint not null, held bigint not null default 0, kept bigint not null default 0,
    version bigint not null, constraint boxes_room check (held >= 0 and kept >= 0 and held + kept <= room)
)"""


@dataclass(frozen=True, slots=True)
class Box:
    """How much fits in, what is claimed, and what is kept for good."""

    id: str
    room: int
    held: int = 0
    kept: int = 0
    version: int = 1

    @property
    def key(self) -> str:
        """Its id."""
        return self.id

    @property
    def root(self) -> str:
        """Itself."""
        return self.id


@dataclass(frozen=True, slots=True)
class Put:
    """Put this much into the box."""

    amount: int


async def load(connection: Connection, keys: Sequence[str]) -> list[Box]:
    """The boxes of these keys, locked in one order."""
    rows = await connection.fetch(
        "select id, room, held, kept, version from boxes where id = any($1::text[]) order by id for no key update", keys
    )
    return [Box(*row) for row in rows]


save = Saving(
    "boxes", key="id", once=(column("id", "text"), column("room", "bigint")),
    moving=columns("bigint", "held", "kept", "version"),
)


def decide(known: Known, body: Put, message: Message, now: datetime) -> Decision:
    """TRY claims if there is room, CANCEL gives back, CONFIRM keeps."""
    box = known.find(Box, message.key)
    assert box is not None
    assert message.saga is not None
    amount, op = body.amount, message.saga.op
    if op is Op.TRY and box.held + box.kept + amount > box.room:
        raise FailedPrecondition("NO_ROOM")
    held = box.held + (amount if op is Op.TRY else -amount)
    kept = box.kept + (amount if op is Op.CONFIRM else 0)
    return Decision(Done(), changes=(replace(box, held=held, kept=kept, version=box.version + 1),))


def business(partitions: int = 8) -> Business:
    """What a lane needs to know of boxes."""
    codec = Codec()
    table = Table(Box, load, save, root=True)
    deciding = rules(rule(Put, lambda body, message: ((Box, message.key),), decide))
    return Business((table,), deciding, {}, codec, Outbound("boxes", codec, partitions), partitions)
