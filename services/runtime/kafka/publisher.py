"""Publishes what the lanes of a process committed, in its order, and clears the outbox of what Kafka has.

The events of an aggregate go out in the order of their numbers, whichever lane decided them: whoever publishes one has
published, or been told by the outbox that Kafka has, all that were before it (`outbox.earlier`). So nobody waits for
what a dead lane left behind: it is published beside everything else, at least once.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import structlog

from services.runtime.ground.postgres import Pool
from services.runtime.ground.records import Outgoing
from services.runtime.ground.tables import Connection
from services.runtime.kafka.producer import SafeProducer
from services.runtime.kafka.under_way import Place, UnderWay
from services.runtime.stored import leases, outbox
from services.runtime.stored.outbox import Row

LEFTOVERS_MAX = 5_000
"""How many rows of a dead lane are published in one go."""
LEFTOVERS_SECONDS = 2.0
"""How long the sweeper keeps others from them; what has not moved by then moves in its own time."""
CLEAR_SECONDS = 0.25
"""How often acknowledged rows are cleared."""

log = structlog.get_logger(__name__)


class Publisher:
    """A process's way out. `put` after each commit; `run` clears until cancelled; `flush` before the process ends."""

    def __init__(self, producer: SafeProducer, pool: Pool) -> None:
        self._producer = producer
        self._pool = pool
        self._under_way = UnderWay()
        self._awaited: list[tuple[set[Place], asyncio.Event]] = []
        self._idle = asyncio.Event()
        self._idle.set()
        self._moved_at = 0.0
        self.unpublished = 0
        """How many records Kafka has not acknowledged yet."""

    def put(self, lane_id: int, last_seq: int, records: Sequence[Outgoing], earlier: Sequence[Row] = ()) -> None:
        """Take what a batch of this lane committed, whose last outbox number is `last_seq`; before it go the rows of
        other lanes that its events come after."""
        self._take(earlier)
        for place, record in zip(self._under_way.put(lane_id, last_seq, len(records)), records, strict=True):
            self._submit(place, record)

    async def publish(self, rows: Sequence[Row], seconds: float) -> int:
        """Publish rows of other lanes and wait for them, at most this long; answers how many were new here."""
        fresh = self._take(rows)
        if fresh:
            awaited = (set(fresh), asyncio.Event())
            self._awaited.append(awaited)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await awaited[1].wait()
            self._awaited.remove(awaited)
        return len(fresh)

    def holds(self, lane_id: int) -> tuple[int, list[int]]:
        """Which rows of a lane are on their way from here: all up to a number, and some beyond it."""
        return self._under_way.holds(lane_id)

    def _take(self, rows: Iterable[Row]) -> list[Place]:
        fresh = self._under_way.take(rows)
        for row in fresh:
            self._submit((row.lane_id, row.seq), row.record)
        return [(row.lane_id, row.seq) for row in fresh]

    def _submit(self, place: Place, record: Outgoing) -> None:
        if not self.unpublished:
            self._moved_at = time.monotonic()
        self.unpublished += 1
        self._idle.clear()
        self._producer.submit(record, lambda: self._done(place))

    def _done(self, place: Place) -> None:
        self._under_way.done(place)
        self._moved_at = time.monotonic()
        self.unpublished -= 1
        if not self.unpublished:
            self._idle.set()
        for places, event in self._awaited:
            places.discard(place)
            if not places:
                event.set()

    @property
    def stalled_seconds(self) -> float:
        """For how long Kafka has acknowledged nothing of what waits; 0 if nothing waits."""
        return time.monotonic() - self._moved_at if self.unpublished else 0.0

    async def run(self) -> None:
        """Clear regularly, until cancelled."""
        while True:
            await asyncio.sleep(CLEAR_SECONDS)
            await self.clear()

    async def clear(self) -> None:
        """Forget exactly the rows that are acknowledged; a failure is only told, the next round does it again."""
        done, floors = self._under_way.acknowledged()
        if not done:
            return
        try:
            async with self._pool.acquire() as connection:
                await outbox.clear(connection, done, floors)
        except Exception as error:  # the rows are harmless: at worst they are published once more
            log.warning("outbox_not_cleared", error=repr(error))
            self._under_way.kept(done)
        else:
            self._under_way.cleared(done)

    async def flush(self, seconds: float) -> None:
        """Wait until all is acknowledged and cleared, at most this long; what stays is found by the scanner."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            log.warning("outbox_not_flushed", records=self.unpublished)
        await self.clear()


async def publish_leftovers(pool: Pool, publisher: Publisher, living: Callable[[], Sequence[int]]) -> int:
    """Publish what dead lanes left behind; answers how many records.

    The rows of a lane are ours while we hold its lock, in a transaction that stays open for the time of one send, and
    not longer where a partition does not move: two scanners do not publish the same rows while they can help it.
    """
    published = 0
    async with pool.acquire() as connection:
        for lane_id in await outbox.lanes_with_leftovers(connection, living()):
            async with connection.transaction():
                if not await leases.bury(connection, lane_id):
                    continue
                rows = await outbox.leftovers(connection, lane_id, LEFTOVERS_MAX, *publisher.holds(lane_id))
                ordered = outbox.in_order(rows, await _earlier(connection, lane_id, rows))
                published += await publisher.publish(ordered, LEFTOVERS_SECONDS)
        await leases.forget(connection)
    await publisher.clear()
    return published


async def _earlier(connection: Connection, lane_id: int, rows: Sequence[Row]) -> list[Row]:
    """What other lanes have not published of the aggregates whose events are among these rows."""
    told: dict[str, set[str]] = {}
    for row in rows:
        if row.record.sequence > 1:
            told.setdefault(row.record.topic, set()).add(row.record.key)
    return [row for topic in sorted(told) for row in await outbox.earlier(connection, lane_id, topic, told[topic])]
