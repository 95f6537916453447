"""Publishes what a lane committed, from memory, in the order of its commits; then forgets the outbox rows in bulk.

If the producer has to be replaced, everything that is unacknowledged goes again: at least once, in order.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from services.runtime.ground.postgres import Pool
from services.runtime.ground.records import Outgoing
from services.runtime.kafka.producer import ProducerReplaced, SafeProducer
from services.runtime.stored import leases, outbox

LEFTOVERS_MAX = 5_000
"""How many rows of a dead lane are published in one go."""
CLEAR_SECONDS = 0.25
"""How long acknowledged rows may stay in the outbox."""

log = structlog.get_logger(__name__)


class Publisher:
    """One lane's way out. `put` after each commit; `flush` before the lane ends."""

    def __init__(self, lane_id: int, producer: SafeProducer, pool: Pool) -> None:
        self._lane_id = lane_id
        self._producer = producer
        self._pool = pool
        self._waiting: deque[tuple[int, Sequence[Outgoing]]] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._acknowledged = 0
        self._cleared = 0
        self._moved_at = 0.0

    def put(self, last_seq: int, records: Sequence[Outgoing]) -> None:
        """Take what a batch committed, whose last outbox number is `last_seq`."""
        if not self._waiting:
            self._moved_at = time.monotonic()
        self._waiting.append((last_seq, records))
        self._idle.clear()
        self._wake.set()

    @property
    def unpublished(self) -> int:
        """How many records Kafka has not acknowledged yet."""
        return sum(len(records) for _, records in self._waiting)

    @property
    def stalled_seconds(self) -> float:
        """For how long Kafka has acknowledged nothing of what waits; 0 if nothing waits."""
        return time.monotonic() - self._moved_at if self._waiting else 0.0

    async def run(self) -> None:
        """Publish until cancelled."""
        clearing = asyncio.create_task(self._clear_regularly())
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    await self._publish_waiting()
                self._idle.set()
        finally:
            clearing.cancel()

    async def _publish_waiting(self) -> None:
        taken = list(self._waiting)
        records = [record for _, batch in taken for record in batch]
        while True:
            try:
                await self._producer.send(records)
                break
            except ProducerReplaced as replaced:
                log.warning("producer_replaced", reason=str(replaced), resent=len(records))
        self._moved_at = time.monotonic()
        for _ in taken:
            self._acknowledged = self._waiting.popleft()[0]

    async def _clear_regularly(self) -> None:
        while True:
            await asyncio.sleep(CLEAR_SECONDS)
            await self.clear()

    async def clear(self) -> None:
        """Forget what is acknowledged; a failure is only counted, the rows are harmless."""
        last = self._acknowledged
        if last <= self._cleared:
            return
        try:
            async with self._pool.acquire() as connection:
                await outbox.clear(connection, self._lane_id, last)
            self._cleared = last
        except Exception as error:  # the next round, or the scanner, does it again
            log.warning("outbox_not_cleared", error=repr(error))

    async def flush(self, seconds: float) -> None:
        """Wait until all is acknowledged and cleared, at most this long; what stays is found by the scanner."""
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            log.warning("outbox_not_flushed", records=self.unpublished)
        await self.clear()


async def publish_leftovers(pool: Pool, producer: SafeProducer, living: Callable[[], Sequence[int]]) -> int:
    """Publish what dead lanes left behind; answers how many records.

    The rows of a lane are ours while we hold its lock, in a transaction that stays open for the time of one send:
    two scanners must not publish the same rows in two orders.
    """
    published = 0
    async with pool.acquire() as connection:
        for lane_id in await outbox.lanes_with_leftovers(connection, living()):
            async with connection.transaction():
                if not await leases.bury(connection, lane_id):
                    continue
                rows = await outbox.leftovers(connection, lane_id, LEFTOVERS_MAX)
                if rows:
                    await producer.send([record for _, record in rows])
                    await outbox.clear_rows(connection, lane_id, [seq for seq, _ in rows])
                    published += len(rows)
    return published
