"""The reader that stops for nothing: no group, from where PostgreSQL says,
replaced if it goes quiet (RELIABILITY 3.1)."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import (
    CorruptRecordException,
    KafkaError,
    OffsetOutOfRangeError,
    RecordTooLargeError,
    UnsupportedCodecError,
)

from services.kernel.errors import Undecodable
from services.runtime.ground import metrics
from services.runtime.ground.records import Headers
from services.runtime.ground.settings import Settings
from services.runtime.kafka.clients import (
    CONNECT_SECONDS,
    FETCH_WAIT_MS,
    BrokerUnavailable,
    connected,
    stopped,
)
from services.runtime.kafka.epoch import epoch_of
from services.runtime.stored.offsets import same_epoch

READ_TRIES_MAX = 3
"""So often a record is read before it counts as one that cannot be read: the fault may have lain in its transport."""
SINGLE_WAIT_MS = 2_000
"""How long one record is waited for that is known to be there; the fetch that is under way has to end first."""
_OF_THE_RECORD = (CorruptRecordException, UnsupportedCodecError, RecordTooLargeError)
"""Of Kafka's own errors, those that lie in what was fetched."""

log = structlog.get_logger(__name__)


class LogLost(Exception):
    """The log no longer holds the next offset: Kafka lost data,
    and the partition stops until PostgreSQL decides (A6)."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was read; `flaw` says why it could not be: then only its place is known.

    A header whose value is none has an empty one here."""

    partition: int
    offset: int
    key: bytes | None
    headers: Headers
    value: bytes
    flaw: Undecodable | None = None


class PartitionReader:
    """Reads partitions of one topic, each from where it is told to,
    through a consumer that it replaces when it must."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._consumer: AIOKafkaConsumer | None = None
        self._scout: AIOKafkaConsumer | None = None
        self._scouting = asyncio.Lock()
        self._stops = 0
        self._next: dict[int, int] = {}
        self._moved_at: dict[int, float] = {}
        self._looked_at = 0.0
        self._tries: dict[tuple[int, int], int] = {}
        self._epoch = ""

    async def start(self) -> None:
        """Connect; raises `BrokerUnavailable`."""
        try:
            self._consumer = await connected(self._settings)
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailable(f"no broker at {self._settings.kafka}: {error!r}") from error
        self._assign()

    async def stop(self) -> None:
        """Disconnect."""
        self._stops += 1
        clients, self._consumer, self._scout = (self._consumer, self._scout), None, None
        for client in clients:
            if client is not None:
                await stopped(client)

    async def ends(self, partitions: Sequence[int]) -> tuple[str, dict[int, tuple[int, int]]]:
        """The topic's epoch, and (first offset, end) of the log of each partition, all of one and the same topic;
        raises `BrokerUnavailable`, also where the topic is made anew while it is asked for."""
        consumer = self._connected()
        wanted = [TopicPartition(self._topic, partition) for partition in partitions]
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                epoch = await epoch_of(consumer, self._topic)
                first, end = await consumer.beginning_offsets(wanted), await consumer.end_offsets(wanted)
                if await epoch_of(consumer, self._topic) != epoch:
                    raise BrokerUnavailable(f"{self._topic} was made anew while its ends were asked for")
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailable(repr(error)) from error
        self._epoch = self._epoch or epoch
        return epoch, {tp.partition: (first[tp], end[tp]) for tp in wanted}

    async def any_before(self, at: datetime, begin: Mapping[int, int]) -> bool:
        """Whether one of the records at these places was written before this instant. For a reader that follows
        nothing: nothing is fetched beyond. Raises `BrokerUnavailable`."""
        consumer = self._connected()
        places = {TopicPartition(self._topic, partition): offset for partition, offset in begin.items()}
        consumer.assign(list(places))
        for place, offset in places.items():
            consumer.seek(place, offset)
        for place in places:
            try:
                fetched = await consumer.getmany(place, timeout_ms=SINGLE_WAIT_MS, max_records=1)
            except Exception as error:  # one that cannot be read tells no instant: its lane sets it aside
                if not _lies_in_a_record(error):
                    raise BrokerUnavailable(repr(error)) from error
                continue
            if any(record.timestamp < at.timestamp() * 1_000 for records in fetched.values() for record in records):
                return True
        return False

    def _same(self, epoch: str) -> None:
        """Raise `LogLost` if the topic was made anew: what stood in it before is gone, whatever its end is by now."""
        if not same_epoch(self._epoch, epoch):
            metrics.LOGS_LOST.inc()
            raise LogLost(f"{self._topic} is of epoch {epoch}, not {self._epoch}")

    def follow(self, begin: Mapping[int, int]) -> None:
        """Read these partitions too, from these offsets on."""
        self._next.update(begin)
        self._moved_at.update(dict.fromkeys(begin, time.monotonic()))
        self._assign()

    def leave(self, partitions: Collection[int]) -> None:
        """Read these partitions no more; what was fetched of them and is under way is dropped."""
        for partition in partitions:
            self._next.pop(partition, None)
            self._moved_at.pop(partition, None)
            metrics.LAG_RECORDS.labels(str(partition)).set(0)
        self._assign()

    async def fetch(self, most: int) -> list[Record]:
        """What arrived, in order per partition; empty after a short wait. Call it from one task,
        never under a time-out (A17)."""
        consumer = self._consumer or await self._reconnected()
        if consumer is None or not self._next:
            await asyncio.sleep(FETCH_WAIT_MS / 1000)
            return []
        try:
            fetched = await consumer.getmany(timeout_ms=FETCH_WAIT_MS, max_records=most)
            records = self._taken(fetched)
        except OffsetOutOfRangeError as error:
            metrics.LOGS_LOST.inc()
            raise LogLost(f"{error.args}") from error
        except Exception as error:  # the client's decoders raise whatever they meet
            log.warning("fetch_failed", error=repr(error))
            self._assign()  # what was taken out before the error is gone with it: again from where we stand
            if _lies_in_a_record(error):
                records = await self._fetch_singly(consumer, most)
            else:
                records = []
                await asyncio.sleep(FETCH_WAIT_MS / 1000)
        now = time.monotonic()
        if now - self._looked_at > self._settings.reader_stall_seconds / 4:
            self._looked_at = now
            await self._replace_if_stuck(now)
            return self._followed(records)
        return records

    def _followed(self, records: Sequence[Record]) -> list[Record]:
        """Those of these whose partition was not left, nor taken again from before them, since they were read."""
        return [record for record in records if record.offset < self._next.get(record.partition, 0)]

    def _taken(self, fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> list[Record]:
        """What is new of what was fetched."""
        records, now = [], time.monotonic()
        for tp, arrived in fetched.items():
            for record in arrived:
                if record.offset >= self._next.get(tp.partition, record.offset + 1):
                    self._next[tp.partition] = record.offset + 1
                    headers = [(name, value or b"") for name, value in record.headers]
                    records.append(Record(tp.partition, record.offset, record.key, headers, record.value or b""))
            if tp.partition in self._next:
                self._moved_at[tp.partition] = now
                self._tell_lag(tp)
        return records

    def _tell_lag(self, place: TopicPartition) -> None:
        """What of the partition is not read yet, as the last fetch knew its end."""
        consumer = self._consumer
        if consumer is not None and place in consumer.assignment():  # it may have been left since the fetch
            end = consumer.highwater(place) or 0
            metrics.LAG_RECORDS.labels(str(place.partition)).set(max(0, end - self._next[place.partition]))

    async def _fetch_singly(self, consumer: AIOKafkaConsumer, most: int) -> list[Record]:
        """One record after another, partition by partition, so that the one that cannot be read is known by its place.

        After some tries it is passed on as such, and so is what its sender put behind it into the same batch; the bytes
        stay in Kafka, where whoever looks for them finds them.
        """
        records: list[Record] = []
        try:
            _, ends = await self.ends(list(self._next))
        except BrokerUnavailable:
            return records
        for partition in sorted(ends):
            try:
                for _ in range(min(most, ends[partition][1] - self._next[partition])):
                    place = TopicPartition(self._topic, partition)
                    fetched = await consumer.getmany(place, timeout_ms=SINGLE_WAIT_MS, max_records=1)
                    if not fetched:
                        break
                    records += self._taken(fetched)
            except Exception as error:  # as above; what does not lie in a record shows itself in the next fetch
                if _lies_in_a_record(error):
                    records += self._unreadable(partition, error)
                self._assign()
        return self._followed(records)

    def _unreadable(self, partition: int, error: Exception) -> list[Record]:
        """The record at which the partition stands, once it was tried often enough."""
        if partition not in self._next:  # it was left meanwhile
            return []
        offset = self._next[partition]
        tries = self._tries[partition, offset] = self._tries.get((partition, offset), 0) + 1
        if tries < READ_TRIES_MAX:
            return []
        self._tries.clear()
        self._next[partition] = offset + 1
        unreadable = Undecodable("UNREADABLE", repr(error))
        return [Record(partition, offset, key=None, headers=[], value=b"", flaw=unreadable)]

    async def lag(self) -> int:
        """How many records wait in the log beyond what was fetched.

        Asked on a connection of its own: on the other one the question would wait behind the fetch that is under way.
        """
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                scout = await self._scouted()
                followed = [TopicPartition(self._topic, partition) for partition in self._next]
                ends = await scout.end_offsets(followed)
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailable(repr(error)) from error
        return sum(end - self._next.get(tp.partition, end) for tp, end in ends.items())

    async def _scouted(self) -> AIOKafkaConsumer:
        """The connection for questions, which all who ask at one time share. One that is there only after the reader
        was stopped has nobody who would close it (BrokerUnavailable)."""
        async with self._scouting:
            if self._scout is None:
                stops = self._stops
                made = await connected(self._settings)
                if self._stops != stops:
                    await stopped(made)
                    raise BrokerUnavailable("stopped meanwhile")
                self._scout = made
            return self._scout

    async def _replace_if_stuck(self, now: float) -> None:
        """A6: each partition moved or has no lag within the time, else the consumer is replaced."""
        patience_seconds = self._settings.reader_stall_seconds / 4
        quiet = [p for p, moved_at in self._moved_at.items() if now - moved_at > patience_seconds]
        if not quiet:
            return
        with suppress(BrokerUnavailable):
            epoch, ends = await self.ends(quiet)
            self._same(epoch)
            for partition in ends.keys() & self._next.keys():
                metrics.LAG_RECORDS.labels(str(partition)).set(max(0, ends[partition][1] - self._next[partition]))
            self._moved_at.update({p: now for p, (_, end) in ends.items() if p in self._next and end <= self._next[p]})
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
        if self._consumer is not None and not self._next:
            self._consumer.unsubscribe()
        elif self._consumer is not None:
            assignment = {TopicPartition(self._topic, partition): offset for partition, offset in self._next.items()}
            self._consumer.assign(list(assignment))
            for tp, offset in assignment.items():
                self._consumer.seek(tp, offset)


def _lies_in_a_record(error: Exception) -> bool:
    """Whether it was raised by the decoding of what was fetched."""
    return not isinstance(error, KafkaError) or isinstance(error, _OF_THE_RECORD)
