"""The producer that loses nothing silently: one queue for each partition of each topic, and a sender that is given
up as soon as it does not move (RELIABILITY 3.1).

A partition waits for nobody but itself: one without a leader, or of a topic that is not there, is asked for until it
has one; a record that the broker refuses for good is looked for and handed to `refuse`. What was acknowledged is never
sent again; of what was not, nobody knows, and a new sender sends it again, in order.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import (
    CorruptRecordException,
    InvalidTimestampError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    UnsupportedForMessageFormatError,
)

from services.runtime.ground import metrics
from services.runtime.ground.records import Outgoing
from services.runtime.ground.settings import Settings
from services.runtime.kafka.clients import hear
from services.runtime.kafka.partition_queue import PartitionQueue, Receipt
from services.runtime.kafka.sender import Sender

TICK_SECONDS = 0.25
"""How often it is looked whether something does not move."""
LOOK_UP_SECONDS = 1.0
"""How often the leaders of waiting partitions are asked for."""
RECONNECT_SECONDS = 0.2
REFUSED_AGAIN_SECONDS = 5.0
"""After how long a refused record that could not be set aside is tried again."""

REFUSALS = (
    CorruptRecordException, InvalidTimestampError, InvalidTopicError, MessageSizeTooLargeError, PolicyViolationError,
    RecordListTooLargeError, UnsupportedForMessageFormatError, UnicodeError, TypeError,
)
"""What no repetition mends: it lies in the record."""
_LEGAL_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}", re.ASCII)

Refuse = Callable[[Outgoing, Exception], Awaitable[bool]]
"""Sets a record aside that can never be sent; answers whether it is stored where a person finds it. Until then its
partition waits."""

log = structlog.get_logger(__name__)


async def keep_refused(record: Outgoing, error: Exception) -> bool:
    """Nothing is set aside: the record stays where it is, and is tried again."""
    log.error("record_refused", topic=record.topic, key=record.key, error=repr(error))
    return False


class SafeProducer:
    """All that a process sends; one sender at a time gets new slices. `refuse` may be set before the first record.

    `ends` says of each partition what its end was after the last acknowledgement; `shrunk` is called when an
    acknowledgement shows that a log is shorter than it was: Kafka lost what stood there.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stall_seconds = settings.producer_stall_seconds
        self._queues: dict[tuple[str, int], PartitionQueue] = {}
        self._ready: dict[PartitionQueue, None] = {}
        self._held: dict[PartitionQueue, float] = {}
        self._on: dict[PartitionQueue, Sender] = {}
        self._sender: Sender | None = None
        self._wake = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._burials: set[asyncio.Task[Any]] = set()
        self._ticking: asyncio.TimerHandle | None = None
        self._looked_at = 0.0
        self._stopped = False
        self.refuse: Refuse = keep_refused
        self.ends: dict[tuple[str, int], int] = {}
        self.shrunk: Callable[[str, int], None] = lambda topic, partition: None

    def submit(self, record: Outgoing, receipt: Receipt) -> None:
        """Send a record after all that were submitted for its partition; `receipt` is called once it is there."""
        place = (record.topic, record.partition)
        queue = self._queues.get(place)
        if queue is None:
            queue = self._queues[place] = PartitionQueue(TopicPartition(*place))
        queue.waiting.append((record, receipt))
        if not queue.slice and queue not in self._held:
            self._ready[queue] = None
            self._start()

    async def send(self, records: Sequence[Outgoing]) -> None:
        """Submit these and wait until all are acknowledged. Cancelling the call does not cancel the records (A2)."""
        missing = len(records)
        done = asyncio.Event()

        def receipt() -> None:
            nonlocal missing
            missing -= 1
            if not missing:
                done.set()

        for record in records:
            self.submit(record, receipt)
        if records:
            await done.wait()

    def forget_ends(self, topic: str) -> None:
        """The topic was made anew: what was its end is none any more."""
        self.ends = {place: end for place, end in self.ends.items() if place[0] != topic}

    async def stop(self) -> None:
        """Close; what is unacknowledged stays in the outbox."""
        self._stopped = True
        if self._ticking is not None:
            self._ticking.cancel()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
            self._running = None
        open_ones = {*self._on.values(), *([self._sender] if self._sender else ())}
        self._on, self._sender = {}, None
        for sender in open_ones:
            self._bury(sender)
        if self._burials:
            await asyncio.wait(self._burials, timeout=5)

    # the loop --------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._wake.set()
        if self._stopped:
            return
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
            self._running.add_done_callback(_tell_defect)

    async def _run(self) -> None:
        """Until stopped."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._ready:
                await self._begin()

    async def _begin(self) -> None:
        """Put the next slice of every queue that is ready under way."""
        sender = await self._opened()
        if sender is None:
            await asyncio.sleep(RECONNECT_SECONDS)
            return
        ready, self._ready = self._ready, {}
        for queue in ready:
            if not queue.waiting or queue.slice:
                continue
            if not _LEGAL_TOPIC.fullmatch(queue.place.topic):
                self._set_aside(queue, InvalidTopicError(queue.place.topic))
            elif sender.retired:
                self._ready[queue] = None
            elif sender.leader(queue.place):
                await self._append(sender, queue)
            else:
                self._hold(queue, time.monotonic())
        if any(queue in self._held for queue in ready):
            self._look_up(sender)

    async def _append(self, sender: Sender, queue: PartitionQueue) -> None:
        most = queue.most or len(queue.waiting)
        records = (record for record, _ in islice(queue.waiting, most))
        try:
            count, acknowledgement = await sender.append(queue.place, records)
        except Exception as error:
            if _lies_in_the_sender(error):
                where = {"topic": queue.place.topic, "partition": queue.place.partition}
                log.warning("append_failed", **where, error=repr(error))
                self._retire(sender, type(error).__name__)
                self._hold(queue, time.monotonic())
            else:
                queue.taken(min(most, len(queue.waiting)))
                self._refused(queue, error)
            return
        queue.taken(count)
        self._on[queue] = sender
        sender.under_way += 1
        self._tick_soon()
        acknowledgement.add_done_callback(partial(self._ended, sender, queue))

    def _ended(self, sender: Sender, queue: PartitionQueue, acknowledgement: "asyncio.Future[Any]") -> None:
        """An acknowledgement came, or the reason why it will not; of a slice that was given up nobody waits for one."""
        if self._on.get(queue) is not sender:
            hear(acknowledgement)
            return
        self._release(queue)
        error = None if acknowledgement.cancelled() else acknowledgement.exception()
        if acknowledgement.cancelled() or error is not None:
            self._retire(sender, type(error).__name__)  # its sequence numbers are not to be trusted any more (A4)
            if isinstance(error, REFUSALS):
                self._refused(queue, error)
            else:
                queue.again()
                self._go_on(queue)
            return
        count = len(queue.slice)
        queue.acknowledged()
        self._reached(queue.place, acknowledgement.result(), count)
        self._go_on(queue)

    def _reached(self, place: TopicPartition, acknowledged: Any, count: int) -> None:  # Any: aiokafka's RecordMetadata
        offset = -1 if acknowledged is None else acknowledged.offset
        if offset >= 0:  # a broker that saw the slice before may not know where
            before, self.ends[place] = self.ends.get(place, 0), offset + count
            if offset < before:
                self.shrunk(place.topic, place.partition)

    def _go_on(self, queue: PartitionQueue) -> None:
        if queue.waiting:
            self._ready[queue] = None
        self._start()

    # what does not move ----------------------------------------------------------------------------------------------

    def _tick_soon(self) -> None:
        if self._ticking is None and not self._stopped:
            self._ticking = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        self._ticking = None
        self._watch()
        if self._on or self._held:
            self._tick_soon()

    def _watch(self) -> None:
        """Give up what does not move; let go on what has a leader again."""
        now = time.monotonic()
        for queue, sender in list(self._on.items()):
            if cause := self._stuck(sender, queue, now):
                self._release(queue)
                self._retire(sender, cause)
                queue.again()
                self._go_on(queue)
        current = self._sender
        for queue in [queue for queue, at in self._held.items() if at <= now]:
            if current is None or current.leader(queue.place):
                del self._held[queue]
                self._go_on(queue)
        if current is not None and self._held and now - self._looked_at > LOOK_UP_SECONDS:
            self._look_up(current)

    def _stuck(self, sender: Sender, queue: PartitionQueue, now: float) -> str:
        """Why this slice will not be acknowledged, as far as can be told; "" while it may be."""
        if sender.task.done():
            return "SenderEnded"
        if not sender.leader(queue.place):
            return "LeaderNotAvailable"
        return "TimeoutError" if now - queue.moved_at > self._stall_seconds else ""

    def _hold(self, queue: PartitionQueue, until: float) -> None:
        self._held[queue] = until
        self._tick_soon()

    def _look_up(self, sender: Sender) -> None:
        """Ask for the leaders of what is held; whoever has one goes on at once."""
        self._looked_at = time.monotonic()
        answer = sender.look_up({queue.place.topic for queue in self._held})
        answer.add_done_callback(lambda _: self._watch())

    def _release(self, queue: PartitionQueue) -> None:
        sender = self._on.pop(queue)
        sender.under_way -= 1
        if sender.retired and not sender.under_way:
            self._bury(sender)

    async def _opened(self) -> Sender | None:
        if self._sender is None:
            sender = Sender(self._settings)
            try:
                await sender.start()
            except BaseException as error:
                self._bury(sender)
                if not isinstance(error, KafkaError | TimeoutError):
                    raise
                log.warning("no_broker", error=repr(error))
                return None
            sender.task.add_done_callback(lambda task: self._watch())
            self._sender = sender
        return self._sender

    def _retire(self, broken: Sender, cause: str) -> None:
        """No new slices for this one (A4); the next builds its successor. Several queues may report the same one."""
        if broken.retired:
            return
        broken.retired = True
        metrics.PRODUCERS_REPLACED.labels(cause).inc()
        log.warning("producer_given_up", cause=cause)
        if self._sender is broken:
            self._sender = None
        if not broken.under_way:
            self._bury(broken)

    def _bury(self, sender: Sender) -> None:
        self._keep(asyncio.create_task(sender.close()))

    def _keep(self, task: "asyncio.Task[Any]") -> None:
        self._burials.add(task)
        task.add_done_callback(self._burials.discard)

    # what is refused -------------------------------------------------------------------------------------------------

    def _refused(self, queue: PartitionQueue, error: Exception) -> None:
        """The broker takes something in the slice at no time: halve it, until one record stands alone."""
        if len(queue.slice) > 1:
            queue.halve()
            self._go_on(queue)
        else:
            queue.again()
            self._set_aside(queue, error)

    def _set_aside(self, queue: PartitionQueue, error: Exception) -> None:
        """Hand the first record to `refuse`; the others of the partition wait for its answer."""
        self._hold(queue, float("inf"))
        self._keep(asyncio.create_task(self._hand_over(queue, error)))

    async def _hand_over(self, queue: PartitionQueue, error: Exception) -> None:
        record, receipt = queue.waiting[0]
        try:
            stored = await self.refuse(record, error)
        except Exception as fault:  # whatever it was, the record is still here
            log.error("refused_record_not_set_aside", topic=record.topic, key=record.key, error=repr(fault))
            stored = False
        if stored:
            queue.waiting.popleft()
            queue.most = 0
            receipt()
        self._hold(queue, time.monotonic() + (0 if stored else REFUSED_AGAIN_SECONDS))
        self._watch()


def _lies_in_the_sender(error: Exception) -> bool:
    """Whether another sender could append it: no batch can be made of what raises anything else. An assertion says
    that the topic came back with fewer partitions."""
    return isinstance(error, KafkaError | AssertionError | OSError) and not isinstance(error, REFUSALS)


def _tell_defect(ended: "asyncio.Task[None]") -> None:
    """The loop ended by itself, which it never should: said here; the next record starts it again."""
    if not ended.cancelled() and (error := ended.exception()) is not None:
        log.error("sending_fell_over", error=repr(error), exc_info=error)
