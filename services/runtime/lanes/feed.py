"""A lane's ear: reads the partitions that the lane holds, and the timers that are due, into its queues."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress

import structlog

from services.runtime.ground.clock import Clock, ManualClock
from services.runtime.ground.codec import Codec
from services.runtime.ground.macs import Verifier
from services.runtime.ground.postgres import Pool
from services.runtime.kafka.reader import PartitionReader, Record
from services.runtime.lanes.arriving import arrived, trusted
from services.runtime.lanes.item import Item
from services.runtime.lanes.queues import Queues
from services.runtime.stored import timers
from services.runtime.stored.offsets import Beginning
from services.runtime.stored.oldest_sagas import OldestSagas

TIMER_SECONDS = 0.25
"""How often due timers are looked for; a manual clock that moves has them looked for at once."""
REPEAT_SECONDS = 0.25
"""How long a timer that was found is taken to be on its way through the lane."""

OVERFULL_SECONDS = 0.1
"""How often it is seen whether what was decided is sent by now."""

log = structlog.get_logger(__name__)


class Feed:
    """One session's ear. `failed` says why it ended, if it did; the lane then starts a new session."""

    def __init__(
        self, codec: Codec, topic: str, reader: PartitionReader, pool: Pool, *, clock: Clock, queues: Queues, most: int,
        overfull: Callable[[], bool], oldest: OldestSagas, verifier: Verifier,
    ) -> None:
        self._codec = codec
        self._topic = topic
        self._reader = reader
        self._pool = pool
        self._clock = clock
        self._queues = queues
        self._most = most
        self._overfull = overfull
        self._oldest = oldest
        self._verifier = verifier
        self._held: dict[int, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._seen: dict[str, float] = {}
        self._tick = asyncio.Event()
        self.failed: BaseException | None = None

    async def start(self) -> None:
        """Connect to the broker and begin to look for timers."""
        await self._reader.start()
        if isinstance(self._clock, ManualClock):
            self._clock.on_set.append(self._tick.set)
        self._tasks = [asyncio.create_task(self._guard(work)) for work in (self._records(), self._timers())]

    async def stop(self) -> None:
        """Leave the broker."""
        if isinstance(self._clock, ManualClock) and self._tick.set in self._clock.on_set:
            self._clock.on_set.remove(self._tick.set)
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self._reader.stop()

    async def ends(self, partitions: Sequence[int]) -> tuple[str, dict[int, tuple[int, int]]]:
        """The cluster's identity, and (beginning, end) of the log of each partition."""
        return await self._reader.ends(partitions)

    async def lag(self) -> int:
        """How many records wait in Kafka beyond what was fetched."""
        return await self._reader.lag() if self._held else 0

    def follow(self, begin: Mapping[int, Beginning]) -> None:
        """Read these partitions too, from these offsets on."""
        self._held.update({partition: each.consumed for partition, each in begin.items()})
        self._reader.follow({partition: each.offset for partition, each in begin.items()})

    def leave(self, partitions: Collection[int]) -> None:
        """Read these partitions no more."""
        for partition in partitions:
            self._held.pop(partition, None)
        self._reader.leave(partitions)

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception as error:  # whatever it was, a new session starts from what PostgreSQL knows
            log.warning("feed_failed", topic=self._topic, error=repr(error))
            self.failed = error
            self._queues.wake.set()

    async def _records(self) -> None:
        while True:
            if len(self._queues.urgent) >= 2 * self._most:
                await asyncio.sleep(0.002)
                continue
            if self._overfull():  # what comes waits in Kafka, until what was decided is sent
                await asyncio.sleep(OVERFULL_SECONDS)
                continue
            records = [trusted(self._verifier, self._topic, read) for read in await self._reader.fetch(self._most)]
            self._queues.urgent.extend(filter(None, map(self._item, records)))
            if heard := [record.headers for record in records if record.flaw is None]:
                self._oldest.hear(heard[-1])
            if self._queues.urgent:
                self._queues.wake.set()

    def _item(self, record: Record) -> Item | None:
        return arrived(self._codec, self._topic, record, self._held.get(record.partition, 0))

    async def _timers(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TIMER_SECONDS):
                    await self._tick.wait()
            self._tick.clear()
            if not self._held or self._overfull():
                continue
            held = sorted(self._held)
            async with self._pool.acquire() as connection:
                due = await timers.find_due(connection, held, self._clock, self._most, sagas=True)
                if len(self._queues.background) < self._most:
                    due += await timers.find_due(connection, held, self._clock, self._most, sagas=False)
            now = loop.time()
            self._seen = {key: at for key, at in self._seen.items() if at > now}
            queued = self._queues.timers() if due else ()
            for message in due:
                if message.fresh_id not in self._seen and message.fresh_id not in queued:
                    self._seen[message.fresh_id] = now + REPEAT_SECONDS
                    self._queues.add(Item(message))
