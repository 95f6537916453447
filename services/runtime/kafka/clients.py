"""Kafka, the courier: the one place that builds its clients, and what keeps them honest (RELIABILITY 3.1).

aiokafka's defaults lose, repeat and hang. Here the producer is idempotent and given up as soon as it does not move; the
consumer joins no group, begins where PostgreSQL says, and is replaced if it goes quiet.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.protocol.metadata import MetadataRequest

from services.runtime.ground import metrics
from services.runtime.ground.records import Outgoing
from services.runtime.ground.settings import Settings, SettingsError

MESSAGE_OVERHEAD_BYTES = 16_384
"""Room for key, headers and framing above the payload's limit."""
FETCH_BYTES_MAX = 4 * 1024 * 1024
PARTITION_FETCH_BYTES_MAX = 512 * 1024
CONNECT_SECONDS = 10.0
FETCH_WAIT_MS = 200
_NEEDED = {
    "Produce": (0, 3, 8), "Fetch": (1, 4, 11), "ListOffsets": (2, 1, 5), "Metadata": (3, 2, 5), "InitProducerId": (22, 0, 0),
}
"""What aiokafka and we need: API number, lowest and highest version."""

log = structlog.get_logger(__name__)


class BrokerUnavailable(ConnectionError):
    """No broker answers, or not in time."""


class LogLost(Exception):
    """The log no longer holds the next offset: Kafka lost data, and the partition stops until PostgreSQL decides (A6)."""


class ProducerReplaced(Exception):
    """What was not acknowledged may be lost or may still arrive: send it again (A2 to A5)."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was read."""

    partition: int
    offset: int
    key: bytes | None
    headers: Sequence[tuple[str, bytes]]
    value: bytes


def make_producer(settings: Settings) -> AIOKafkaProducer:
    """A producer that waits for all replicas and never repeats on its own (A1); lz4 only where its codec is (A15)."""
    if settings.kafka_compression == "lz4" and find_spec("cramjam") is None:
        raise SettingsError("SETTLE_KAFKA_COMPRESSION=lz4 needs the package cramjam")
    return AIOKafkaProducer(
        bootstrap_servers=settings.kafka, client_id=f"settle-{settings.service}", acks="all", enable_idempotence=True,
        compression_type="lz4" if settings.kafka_compression == "lz4" else None, linger_ms=0, max_batch_size=262_144,
        max_request_size=settings.rpc_message_bytes_max + MESSAGE_OVERHEAD_BYTES, request_timeout_ms=10_000,
    )


def make_consumer(settings: Settings) -> AIOKafkaConsumer:
    """A consumer in no group (A9) that neither commits nor resets by itself (A1), with bounded memory (A14)."""
    return AIOKafkaConsumer(
        bootstrap_servers=settings.kafka, client_id=f"settle-{settings.service}", group_id=None, enable_auto_commit=False,
        auto_offset_reset="none", isolation_level="read_committed", fetch_max_bytes=FETCH_BYTES_MAX,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES_MAX, fetch_min_bytes=1, fetch_max_wait_ms=FETCH_WAIT_MS,
        request_timeout_ms=10_000,
    )


async def check_broker(settings: Settings) -> str:
    """The cluster's identity, if this broker and this client can work together (A13); raises otherwise."""
    consumer = make_consumer(settings)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await consumer.start()
            identity = await _cluster_id(consumer)
            offered: dict[int, tuple[int, int]] = next(iter(consumer._client._conns.values()))._versions
    except (KafkaError, TimeoutError) as error:
        raise BrokerUnavailable(f"no broker at {settings.kafka}: {error!r}") from error
    finally:
        await _stopped(consumer)
    for name, (api, least, most) in _NEEDED.items():
        low, high = offered.get(api, (1, 0))
        if max(low, least) > min(high, most):
            raise SettingsError(f"the broker at {settings.kafka} speaks {name} {low}-{high}, needed is {least}-{most}")
    if settings.profile == "production" and identity.startswith("mockCluster"):
        raise SettingsError("the embedded broker keeps nothing and is refused in the production profile")
    return identity


async def _cluster_id(consumer: AIOKafkaConsumer) -> str:
    client: Any = consumer._client  # Any: aiokafka offers the cluster's id only here
    answer = await client.send(client.get_random_node(), MetadataRequest([]))
    return str(answer.cluster_id or "")


async def _stopped(consumer: AIOKafkaConsumer) -> None:
    """Stop it in a task of its own: aiokafka lets the cancellation of its inner tasks out, as if the caller were cancelled."""
    task = asyncio.create_task(consumer.stop())
    await asyncio.wait({task}, timeout=5)
    _hear(task)


class SafeProducer:
    """One producer at a time, shared by all senders of a process; a new one takes over from one that does not move."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stall_seconds = settings.producer_stall_seconds
        self._producer: AIOKafkaProducer | None = None
        self._building = asyncio.Lock()
        self._burials: set[asyncio.Task[None]] = set()

    async def send(self, records: Sequence[Outgoing]) -> None:
        """Append in the given order per partition and wait until all are acknowledged.

        A sender calls again only after this ended. Cancelling the call does not cancel the records.
        """
        producer = await self._current()
        by_partition: dict[tuple[str, int], list[Outgoing]] = {}
        for record in records:
            by_partition.setdefault((record.topic, record.partition), []).append(record)
        acknowledgements: list[asyncio.Future[Any]] = []
        try:
            async with asyncio.timeout(self._stall_seconds):
                for (topic, partition), part in by_partition.items():
                    acknowledgements += await _append(producer, topic, partition, part)
            await self._wait(producer, acknowledgements)
        except (KafkaError, TimeoutError) as error:
            for acknowledgement in acknowledgements:
                acknowledgement.add_done_callback(_hear)
            self._replace(producer, type(error).__name__)
            raise ProducerReplaced(repr(error)) from error

    async def _wait(self, producer: AIOKafkaProducer, acknowledgements: Sequence["asyncio.Future[Any]"]) -> None:
        """Until all are there; raises for the first error, a dead sender task (A5), or silence (A3)."""
        sender = producer._sender.sender_task
        pending: set[asyncio.Future[Any]] = set(acknowledgements)
        while pending:
            waited = {*pending, sender}
            done, rest = await asyncio.wait(waited, timeout=self._stall_seconds, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise TimeoutError("no acknowledgement")
            pending = rest - {sender}
            for acknowledgement in done - {sender}:
                acknowledgement.result()
            if sender in done and pending:
                raise KafkaError("the sender task ended")

    async def _current(self) -> AIOKafkaProducer:
        async with self._building:
            if self._producer is None:
                producer = make_producer(self._settings)
                try:
                    async with asyncio.timeout(CONNECT_SECONDS):
                        await producer.start()
                except (KafkaError, TimeoutError) as error:
                    self._bury(producer)
                    await asyncio.sleep(0.2)
                    raise ProducerReplaced(f"no broker: {error!r}") from error
                self._producer = producer
            return self._producer

    def _replace(self, broken: AIOKafkaProducer, cause: str) -> None:
        """Give up the broken one (A4); its successor is built by the next send. Several senders may report the same one."""
        if self._producer is broken:
            metrics.PRODUCERS_REPLACED.labels(cause).inc()
            log.warning("producer_given_up", cause=cause)
            self._producer = None
            self._bury(broken)

    def _bury(self, producer: AIOKafkaProducer) -> None:
        task = asyncio.create_task(_discard(producer))
        self._burials.add(task)
        task.add_done_callback(self._burials.discard)

    async def stop(self) -> None:
        """Close; what is unacknowledged stays in the outbox."""
        producer, self._producer = self._producer, None
        if producer is not None:
            self._bury(producer)
        if self._burials:
            await asyncio.wait(self._burials, timeout=5)


async def _append(
    producer: AIOKafkaProducer, topic: str, partition: int, records: Sequence[Outgoing]
) -> list["asyncio.Future[Any]"]:
    """Batches built by hand: a third of the cost of one `send` per record."""
    acknowledgements = []
    batch = producer.create_batch()
    for record in records:
        key, value, headers = record.key.encode(), record.payload, record.headers
        if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
            acknowledgements.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value, headers=headers)
    acknowledgements.append(await producer.send_batch(batch, topic, partition=partition))
    return acknowledgements


def _hear(ended: "asyncio.Future[Any]") -> None:
    """Fetch an error that nobody needs any more; else it would be logged as forgotten."""
    if ended.done() and not ended.cancelled():
        ended.exception()


async def _discard(producer: AIOKafkaProducer) -> None:
    """End a producer without waiting for what it cannot deliver: its connections first, so that nothing late gets out."""
    sender = producer._sender.sender_task
    with suppress(KafkaError, TimeoutError, asyncio.CancelledError):
        async with asyncio.timeout(5):
            await producer.client.close()
            if sender is not None and not sender.done():
                sender.cancel()
                await asyncio.wait({sender}, timeout=3)
    producer._message_accumulator.fail_all(KafkaError("the producer was given up"))
    producer._closed = True


class PartitionReader:
    """Reads partitions of one topic, each from where it is told to, through a consumer that it replaces when it must."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._consumer: AIOKafkaConsumer | None = None
        self._scout: AIOKafkaConsumer | None = None
        self._next: dict[int, int] = {}
        self._moved_at: dict[int, float] = {}
        self._looked_at = 0.0

    async def start(self) -> None:
        """Connect; raises `BrokerUnavailable`."""
        consumer = make_consumer(self._settings)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await consumer.start()
        except (KafkaError, TimeoutError) as error:
            await _stopped(consumer)
            raise BrokerUnavailable(f"no broker at {self._settings.kafka}: {error!r}") from error
        self._consumer = consumer
        self._assign()

    async def stop(self) -> None:
        """Disconnect."""
        clients, self._consumer, self._scout = (self._consumer, self._scout), None, None
        for client in clients:
            if client is not None:
                await _stopped(client)

    async def ends(self, partitions: Sequence[int]) -> tuple[str, dict[int, tuple[int, int]]]:
        """The cluster's identity, and (first offset, end) of the log of each partition; raises `BrokerUnavailable`."""
        consumer = self._connected()
        wanted = [TopicPartition(self._topic, partition) for partition in partitions]
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                first, end = await consumer.beginning_offsets(wanted), await consumer.end_offsets(wanted)
                return await _cluster_id(consumer), {tp.partition: (first[tp], end[tp]) for tp in wanted}
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailable(repr(error)) from error

    def follow(self, begin: Mapping[int, int]) -> None:
        """Read these partitions too, from these offsets on."""
        self._next.update(begin)
        self._moved_at.update(dict.fromkeys(begin, time.monotonic()))
        self._assign()

    async def fetch(self, most: int) -> list[Record]:
        """What arrived, in order per partition; empty after a short wait. Call it from one task, never under a time-out (A17)."""
        consumer = self._consumer or await self._reconnected()
        if consumer is None or not self._next:
            await asyncio.sleep(FETCH_WAIT_MS / 1000)
            return []
        try:
            fetched = await consumer.getmany(timeout_ms=FETCH_WAIT_MS, max_records=most)
        except OffsetOutOfRangeError as error:
            metrics.LOGS_LOST.inc()
            raise LogLost(f"{error.args}") from error
        except KafkaError as error:
            log.warning("fetch_failed", error=repr(error))
            fetched = {}
            await asyncio.sleep(FETCH_WAIT_MS / 1000)
        records = []
        now = time.monotonic()
        for tp, arrived in fetched.items():
            for record in arrived:
                if record.offset >= self._next.get(tp.partition, record.offset + 1):
                    self._next[tp.partition] = record.offset + 1
                    records.append(Record(tp.partition, record.offset, record.key, record.headers, record.value or b""))
            self._moved_at[tp.partition] = now
        if now - self._looked_at > self._settings.reader_stall_seconds / 4:
            self._looked_at = now
            await self._replace_if_stuck(now)
        return records

    async def lag(self) -> int:
        """How many records wait in the log beyond what was fetched.

        Asked on a connection of its own: on the other one the question would wait behind the fetch that is under way.
        """
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if self._scout is None:
                    scout = make_consumer(self._settings)
                    await scout.start()
                    self._scout = scout
                ends = await self._scout.end_offsets([TopicPartition(self._topic, partition) for partition in self._next])
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailable(repr(error)) from error
        return sum(end - self._next[tp.partition] for tp, end in ends.items())

    async def _replace_if_stuck(self, now: float) -> None:
        """A6: each partition moved or has no lag within the time, else the consumer is replaced."""
        quiet = [p for p, moved_at in self._moved_at.items() if now - moved_at > self._settings.reader_stall_seconds / 4]
        if not quiet:
            return
        with suppress(BrokerUnavailable):
            _, ends = await self.ends(quiet)
            self._moved_at.update({p: now for p, (_, end) in ends.items() if end <= self._next[p]})
        if any(now - moved_at > self._settings.reader_stall_seconds for moved_at in self._moved_at.values()):
            metrics.READERS_REPLACED.inc()
            log.warning("reader_replaced", topic=self._topic, partitions=quiet)
            self._moved_at = dict.fromkeys(self._moved_at, now)
            await self.stop()

    async def _reconnected(self) -> AIOKafkaConsumer | None:
        with suppress(BrokerUnavailable):
            await self.start()
        return self._consumer

    def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise BrokerUnavailable("not connected")
        return self._consumer

    def _assign(self) -> None:
        if self._consumer is not None and self._next:
            assignment = {TopicPartition(self._topic, partition): offset for partition, offset in self._next.items()}
            self._consumer.assign(list(assignment))
            for tp, offset in assignment.items():
                self._consumer.seek(tp, offset)
