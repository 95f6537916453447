"""Publishes what the lanes of a process committed, in its order, and clears the outbox of what Kafka has.

The events of an aggregate go out in the order of their numbers, whichever lane decided them: whoever publishes one has
published, or been told by the outbox that Kafka has, all that were before it (`outbox.earlier`). So nobody waits for
what a dead lane left behind: it is published beside everything else, at least once.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeAlias

import structlog

from services.runtime.ground.postgres import Pool
from services.runtime.ground.records import Outgoing
from services.runtime.kafka.producer import SafeProducer
from services.runtime.stored import leases, outbox
from services.runtime.stored.outbox import Row

LEFTOVERS_MAX = 5_000
"""How many rows of a dead lane are published in one go."""
LEFTOVERS_SECONDS = 2.0
"""How long the sweeper keeps others from them; what has not moved by then moves in its own time."""
CLEAR_SECONDS = 0.25
"""How often acknowledged rows are cleared."""

Place: TypeAlias = tuple[int, int]
"""A row of the outbox: its lane and its number there."""

log = structlog.get_logger(__name__)


class Publisher:
    """A process's way out. `put` after each commit; `run` clears until cancelled; `flush` before the process ends."""

    def __init__(self, producer: SafeProducer, pool: Pool) -> None:
        self._producer = producer
        self._pool = pool
        self._put: dict[int, int] = {}
        self._open: dict[int, dict[int, None]] = {}
        self._taken: set[Place] = set()
        self._acknowledged: list[Place] = []
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
        self._put[lane_id] = last_seq
        under_way = self._open.setdefault(lane_id, {})
        for seq, record in enumerate(records, last_seq - len(records) + 1):
            under_way[seq] = None
            self._submit((lane_id, seq), record)

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
        return self._put.get(lane_id, 0), [seq for lane, seq in self._taken if lane == lane_id]

    def _take(self, rows: Iterable[Row]) -> list[Place]:
        fresh = []
        for row in rows:
            place = (row.lane_id, row.seq)
            if row.seq > self._put.get(row.lane_id, 0) and place not in self._taken:
                self._taken.add(place)
                self._submit(place, row.record)
                fresh.append(place)
        return fresh

    def _submit(self, place: Place, record: Outgoing) -> None:
        if not self.unpublished:
            self._moved_at = time.monotonic()
        self.unpublished += 1
        self._idle.clear()
        self._producer.submit(record, lambda: self._done(place))

    def _done(self, place: Place) -> None:
        self._acknowledged.append(place)
        self._moved_at = time.monotonic()
        if (under_way := self._open.get(place[0])) is not None:
            under_way.pop(place[1], None)
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
        done, self._acknowledged = self._acknowledged, []
        if not done:
            return
        floors = {lane: next(iter(left), self._put[lane] + 1) - 1 for lane, left in self._open.items()}
        try:
            async with self._pool.acquire() as connection:
                await outbox.clear(connection, done, floors)
        except Exception as error:  # the rows are harmless: at worst they are published once more
            log.warning("outbox_not_cleared", error=repr(error))
            self._acknowledged = done + self._acknowledged
        else:
            self._taken.difference_update(done)
            self._open = {lane: left for lane, left in self._open.items() if left}

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
                published += await publisher.publish(rows, LEFTOVERS_SECONDS)
        await leases.forget(connection)
    await publisher.clear()
    return published
