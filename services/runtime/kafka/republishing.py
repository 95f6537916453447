"""Publishes events again from what the database keeps: what Kafka lost, and what an operator asks for.

A subscriber of the events gets each with key, value and headers as first sent. Of every aggregate all numbers up to the
present one come in order, whatever the lanes tell meanwhile.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from uuid import uuid4

import asyncpg
import structlog

from services.kernel.ids import partition_of
from services.runtime.ground import metrics
from services.runtime.ground.clock import Clock
from services.runtime.ground.postgres import CONNECTION_ERRORS, Pool, connect_lane
from services.runtime.ground.records import Outbound
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.kafka.clients import BrokerUnavailable
from services.runtime.kafka.producer import SafeProducer
from services.runtime.kafka.reader import PartitionReader
from services.runtime.stored import republications
from services.runtime.stored.journals import StoredEvent
from services.runtime.stored.offsets import same_epoch
from services.runtime.stored.republications import Republication

LOOK_SECONDS = 2.0
"""How often it is looked whether Kafka lost events, and whether somebody asks for some."""
PAGE_EVENTS = 1_000
FOLLOWED_MAX = 5
"""So often it is looked what the aggregates of a page told while it was published, before they are held."""
HELD_SECONDS = 1.0
"""So long at most aggregates are held, for no lane decides anything of them meanwhile; else it is tried again."""
Hold = Callable[[Connection, Sequence[str]], Awaitable[None]]
"""Locks aggregates in the present transaction, so that nothing is told of them."""

log = structlog.get_logger(__name__)


class Republisher:
    """One process's part in it: every process looks, one of a service at a time publishes."""

    def __init__(
        self, settings: Settings, outbound: Outbound, producer: SafeProducer, pool: Pool, clock: Clock, *, hold: Hold
    ) -> None:
        self._settings, self._hold = settings, hold
        self._outbound = outbound
        self._producer = producer
        self._pool = pool
        self._clock = clock
        self._shrunk: set[int] = set()
        self._epoch = ""
        self._reader: PartitionReader | None = None
        self._heard_at = 0.0
        producer.shrunk = self._shorter

    def _shorter(self, topic: str, partition: int) -> None:
        if topic == self._outbound.events:
            self._shrunk.add(partition)

    async def run(self) -> None:
        """Look and publish, until cancelled."""
        try:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                try:
                    await self.look()
                    await self.publish()
                except (BrokerUnavailable, asyncpg.PostgresError, *CONNECTION_ERRORS) as error:
                    log.info("republishing_waits", error=repr(error))
                except Exception as error:  # a defect here must not end a process that serves
                    log.error("republishing_fell_over", error=repr(error), exc_info=error)
        finally:
            await self.close()

    async def close(self) -> None:
        """Leave the broker."""
        if self._reader is not None:
            await self._reader.stop()

    async def look(self) -> list[int]:
        """The partitions that lost events since the last look; they are asked for from now on."""
        reader = self._reader or await self._connected()
        shrunk, self._shrunk = self._shrunk, set()
        try:
            gone = await self._compare(reader, shrunk)
        except BaseException:
            self._shrunk |= shrunk
            await self._replace_if_stuck()
            raise
        if gone:
            metrics.LOGS_LOST.inc(len(gone))
            log.error("events_lost", topic=self._outbound.events, partitions=gone)
        return gone

    async def _connected(self) -> PartitionReader:
        reader = PartitionReader(self._settings, self._outbound.events)
        await reader.start()
        self._reader, self._heard_at = reader, time.monotonic()
        return reader

    async def _replace_if_stuck(self) -> None:
        """A reader that has told nothing for so long is another one's turn: its client may never answer again (A6)."""
        if self._reader is not None and time.monotonic() - self._heard_at > self._settings.reader_stall_seconds:
            metrics.READERS_REPLACED.inc()
            log.warning("reader_replaced", topic=self._outbound.events)
            reader, self._reader = self._reader, None
            await reader.stop()

    async def _compare(self, reader: PartitionReader, shrunk: set[int]) -> list[int]:
        """A partition of another epoch, or that ends before the end that was known, lost something; whoever sees the
        epoch change forgets the ends of before, for they would tell of the same loss once more."""
        topic = self._outbound.events
        async with self._pool.acquire() as connection:
            before = await republications.known_log(connection, topic)
        epoch, logs = await reader.ends(range(self._settings.partitions))
        self._heard_at = time.monotonic()
        ends = {partition: end for partition, (_, end) in logs.items()}
        if not same_epoch(self._epoch or epoch, epoch):
            self._producer.forget_ends(topic)
            shrunk = self._shrunk = set()
        self._epoch = epoch
        gone = [p for p, (known, end) in before.items() if not same_epoch(known, epoch) or ends[p] < end or p in shrunk]
        async with self._pool.acquire() as connection, connection.transaction():
            newer = await republications.save_log(connection, topic, before, epoch, ends)
            self._shrunk |= shrunk & newer
            gone = sorted(set(gone) - newer)
            for partition in gone:
                await republications.ask(connection, Republication(
                    f"{topic}/{partition}/{epoch}/{ends[partition]}/{uuid4()}", partition, aggregate_id="",
                    from_time=None, operator_id=republications.OURSELVES, reason=republications.LOSS,
                    asked_at=await self._clock.now(connection),
                ))
        return gone

    async def publish(self) -> None:
        """All that is asked for, unless another process is at it."""
        async with self._pool.acquire() as connection:
            if await republications.next_open(connection) is None:
                return
        connection = await connect_lane(self._settings)
        try:
            if await republications.take_turn(connection):
                while (job := await republications.next_open(connection)) is not None:
                    await self._page(connection, job)
        finally:
            connection.terminate()

    async def _page(self, connection: Connection, job: Republication) -> None:
        """The next page of it, and what its aggregates told meanwhile; the last of a full page goes on in the next one.
        It has ended with a page that is not full."""
        told = await republications.page(connection, job, PAGE_EVENTS)
        count, reached = await self._send(connection, job, told), _reached(told)
        if full := len(told) == PAGE_EVENTS:
            del reached[told[-1].aggregate_id]
        for _ in range(FOLLOWED_MAX):
            if not (more := await republications.later(connection, reached)):
                break
            count, reached = count + await self._send(connection, job, more), _reached(more)
        else:
            count += await self._last(connection, job, reached)
        if told:
            await republications.advance(connection, job, told[-1], count)
        if not full:
            await republications.end(connection, job, await self._clock.now(connection))
            log.info(
                "republished", id=job.id, operator=job.operator_id, reason=job.reason, events=job.published + count
            )

    async def _last(self, connection: Connection, job: Republication, reached: Mapping[str, int]) -> int:
        """What these aggregates told, which are told faster than they are followed: they are held meanwhile, for a
        moment; answers how many events that were."""
        async with connection.transaction(), asyncio.timeout(HELD_SECONDS):
            await self._hold(connection, sorted(reached))
            return await self._send(connection, job, await republications.later(connection, reached))

    async def _send(self, connection: Connection, job: Republication, told: Sequence[StoredEvent]) -> int:
        """Send those of its partition; meanwhile the connection is kept from falling silent."""
        partitions = self._settings.partitions
        records = [
            self._outbound.stored_event(event.aggregate_id, event.sequence, event.type, event.payload, event.at)
            for event in told if job.partition in (None, partition_of(event.aggregate_id, partitions))
        ]
        sending = asyncio.create_task(self._producer.send(records))
        try:
            while not sending.done():
                await asyncio.wait({sending}, timeout=LOOK_SECONDS)
                await connection.fetchval("select 1")
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending
        return len(records)


def _reached(told: Sequence[StoredEvent]) -> dict[str, int]:
    """The last number of each aggregate among these events, which are in order."""
    return {event.aggregate_id: event.sequence for event in told}
