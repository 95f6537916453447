"""One message on its way through a lane, and the record that brought it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.kernel.messages import Message, Op, TimerDue
from services.kernel.saga import Reply
from services.runtime.ground.records import Headers
from services.runtime.ground.tables import Connection
from services.runtime.ground.tracing import Context
from services.runtime.stored import offsets, parked
from services.runtime.stored.inbox import Answered

COLLISION_COUNT_MAX = 5
"""So often one message may lose to another lane; who loses more often meets a defect of ours."""


class Caller(Protocol):
    """Whoever waits for the answer to a call: told once, unless it has gone."""

    def done(self) -> bool: ...
    def set_result(self, result: Answered, /) -> None: ...
    def set_exception(self, exception: Exception, /) -> None: ...


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """Where a record stood, and the record as it came, for the case that it has to be parked."""

    topic: str
    partition: int
    offset: int
    headers: Headers
    payload: bytes

    @property
    def stands_at(self) -> tuple[int, int]:
        """Its partition and offset."""
        return self.partition, self.offset


class TooLong(Exception):
    """Deciding takes too long, and what was decided cannot be committed without what was not: fewer at a time."""


@dataclass(slots=True, eq=False)
class Item:
    """One message on its way through a lane, the kernel's `Arrival`.

    `answer` waits for it at the edge; `record` is set if Kafka brought it, and gone once it is consumed, while it waits
    for a claim: then `stood_at` says where (partition, offset); `fault` if it could not even be read, or if what it
    came to could not be stored;
    `background` if settlements go before it; `call` is the span of the call that it is, if that is traced.
    """

    message: Message
    answer: Caller | None = None
    body_hash: bytes | None = None
    record: RecordPlace | None = None
    stood_at: tuple[int, int] | None = None
    fault: Exception | None = None
    collision_count: int = 0
    fault_count: int = 0
    expires_at: float = 0.0
    background: bool = False
    call: Context | None = None

    @property
    def timer(self) -> TimerDue | None:
        """The timer that it is, if it is one."""
        body = self.message.body
        return body if isinstance(body, TimerDue) else None

    @property
    def refusable(self) -> bool:
        """Whether somebody waits for an answer that may be a no: a call, or the first phase of a saga's branch."""
        saga = self.message.saga
        return self.answer is not None if saga is None else saga.op in (Op.TRY, Op.EXECUTE)

    @property
    def may_wait(self) -> bool:
        """Whether it waits for the end of a claim if it meets one."""
        return self.refusable or self.message.notice

    @property
    def lasts(self) -> bool:
        """Whether somebody waits in vain if it is dropped: its caller, or who sent what waited for a claim and has no
        record any more. Records and timers come again, and so do reports of our own."""
        if self.answer is not None:
            return not self.answer.done()
        return self.record is None and bool(self.message.id)

    @property
    def hastens(self) -> bool:
        """Whether claims depend on it, for which others may wait: the answer to a TRY."""
        body = self.message.body
        return isinstance(body, Reply) and body.op is Op.TRY

    @property
    def place(self) -> tuple[int, int] | None:
        """Where its record stands, or stood: partition and offset; None for what no record brought."""
        return self.stood_at if self.record is None else self.record.stands_at

    @property
    def place_in_line(self) -> int | None:
        """Where its record stands among those of its key; None for what no record brought."""
        return None if self.record is None else parked.place(self.record.headers)


async def lock_records(connection: Connection, topic: str, items: Sequence[Item]) -> list[Item]:
    """The items that nobody consumed yet, their offset rows locked;
    a gap says that this lane is not the reader any more."""
    partitions = partitions_of(items)
    return unconsumed(items, await offsets.lock(connection, topic, partitions)) if partitions else list(items)


def partitions_of(items: Iterable[Item]) -> set[int]:
    """The partitions whose records are among these."""
    return {item.record.partition for item in items if item.record}


def unconsumed(items: Sequence[Item], reached: Mapping[int, int]) -> list[Item]:
    """The items that nobody consumed yet, as far as each partition is `reached`; a partition of which that is not on
    record was taken away: a new session writes it anew."""
    if unknown := partitions_of(items) - reached.keys():
        raise ConnectionError(f"there are no offsets of the partitions {sorted(unknown)}")
    return [item for item in items if item.record is None or item.record.offset >= reached[item.record.partition]]


def read_again(item: Item, consumed: int) -> Item | None:
    """An item that was just read, as it is taken where its partition is `consumed` up to there: of what was consumed
    before only what may wait for a claim comes again, for whoever held the partition kept its line in memory."""
    if item.record is None or item.record.offset >= consumed:
        return item
    item.stood_at, item.record = item.place, None
    return item if item.may_wait and item.fault is None else None


def may_win(items: Sequence[Item]) -> bool:
    """Whether items that lost to another lane are decided again, on what the winner committed. Several are always, in
    ever smaller batches, until it is known who loses; one that is alone only so often."""
    if len(items) == 1:
        items[0].collision_count += 1
    return len(items) > 1 or items[0].collision_count <= COLLISION_COUNT_MAX


def next_offsets(items: Iterable[Item]) -> dict[int, int]:
    """Where each partition stands after these items."""
    reached: dict[int, int] = {}
    for item in items:
        if item.record is not None:
            reached[item.record.partition] = max(reached.get(item.record.partition, 0), item.record.offset + 1)
    return reached


def without(items: Iterable[Item], others: Iterable[Item]) -> list[Item]:
    """These items but for the others."""
    known = set(map(id, others))
    return [item for item in items if id(item) not in known]


def is_tail(items: Iterable[Item], left: Iterable[Item]) -> bool:
    """Whether the records among these, if they are left, are the last of their partitions: an offset has no gaps."""
    known = set(map(id, left))
    waiting = set()
    for item in items:
        if item.record is not None:
            if id(item) in known:
                waiting.add(item.record.partition)
            elif item.record.partition in waiting:
                return False
    return True
