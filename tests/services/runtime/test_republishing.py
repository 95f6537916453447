"""What Kafka lost of the events, and what an operator asks for, is published again from what the database keeps."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
import pytest_asyncio

from services.kernel.ids import partition_of
from services.runtime.ground.clock import SystemClock
from services.runtime.ground.postgres import open_pool
from services.runtime.ground.records import Outbound, Outgoing
from services.runtime.ground.saving import hold
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.kafka import republishing
from services.runtime.kafka.clients import BrokerUnavailable
from services.runtime.kafka.producer import SafeProducer
from services.runtime.kafka.reader import PartitionReader, Record
from services.runtime.kafka.republishing import Republisher
from services.runtime.process import Process
from services.runtime.stored import republications
from services.runtime.stored.republications import Republication
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import CODEC, SERVICE
from tests.services.runtime.raw_records import EVENTS, PARTITIONS
from tests.services.runtime.test_lanes import add, fetch, process

__all__ = ["process"]
KEYS = [f"c{n}" for n in range(5)]


@pytest_asyncio.fixture(loop_scope="session")
async def republisher(local: Settings) -> AsyncIterator[Republisher]:
    """One without a process around it: it looks and publishes when a test says so."""
    pool, producer = await open_pool(local), SafeProducer(local)
    made = Republisher(
        local, Outbound("counter", CODEC, PARTITIONS), producer, pool, SystemClock(), hold=partial(hold, SERVICE.tables)
    )
    yield made
    await made.close()
    await producer.stop()
    await pool.close()


@pytest_asyncio.fixture(loop_scope="session")
async def alone(local: Settings, until: Until, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Process]:
    """The service, running, which leaves it to the test to republish."""
    with monkeypatch.context() as patched:
        patched.setattr(republishing, "LOOK_SECONDS", 3_600.0)
        running = Process(SERVICE, local)
        await running.start()
        await until(lambda: running._lanes.ready)
    yield running
    await running.stop()


async def log_of(local: Settings) -> list[Record]:
    """Everything that stands in the topic of the events, by partition and offset."""
    reader = PartitionReader(local, EVENTS)
    await reader.start()
    _, ends = await reader.ends(range(PARTITIONS))
    reader.follow({partition: first for partition, (first, _) in ends.items()})
    found: list[Record] = []
    while len(found) < sum(end - first for first, end in ends.values()):
        found += await reader.fetch(1000)
    await reader.stop()
    return sorted(found, key=lambda record: (record.partition, record.offset))


def told(records: list[Record], key: str) -> list[tuple[bytes | None, bytes, tuple[tuple[str, bytes], ...]]]:
    """What a subscriber sees of an aggregate: key, value and headers, to the byte."""
    return [(r.key, r.value, tuple(r.headers)) for r in records if r.key == key.encode()]


async def one_round(process: Process) -> None:
    """Every counter tells an event."""
    await asyncio.gather(*(add(process, str(uuid4()), key=key) for key in KEYS))


async def told_and_published(process: Process, until: Until, each: int = 4) -> None:
    """Every counter tells so many events, which arrive."""
    for _ in range(each):
        await one_round(process)
    await until(lambda: process._lanes.unpublished == 0)


async def ended(local: Settings) -> bool:
    """Whether there was a republication and none is open."""
    rows = await fetch(local, "select count(*) > 0 and bool_and(ended_at is not null) from republications")
    return bool(rows[0][0])


@pytest.mark.parametrize("loss", [
    "update event_logs set topic_epoch = 'another/' || repeat('0', 32) where partition = 0",
    "update event_logs set end_offset = end_offset + 1 where partition = 0",
], ids=["another epoch", "an end before the known one"])
async def test_what_kafka_lost_is_published_again_as_it_was_first_sent(
    process: Process, local: Settings, until: Until, loss: str
) -> None:
    """All events of the partition, each the same to the byte, in the order of its aggregate; the others stay alone."""
    await told_and_published(process, until)
    before = await log_of(local)

    async def known() -> bool:
        rows = await fetch(local, "select sum(end_offset) from event_logs")
        return bool(rows[0][0] == len(before))

    await until(known)
    await fetch(local, loss)
    await until(lambda: ended(local))

    after = await log_of(local)
    for key in KEYS:
        lost = partition_of(key, PARTITIONS) == 0
        assert told(after, key) == told(before, key) * (2 if lost else 1)


async def test_an_acknowledgement_before_the_known_end_tells_of_a_loss(
    republisher: Republisher, local: Settings, until: Until
) -> None:
    """A log that was cut and has grown beyond its old end since looks whole: only who sent to it knows."""
    await republisher.look()
    republisher._producer.shrunk(EVENTS, 1)
    republisher._producer.shrunk("another.topic", 0)

    assert await republisher.look() == [1]
    assert await republisher.look() == []


async def test_an_operator_has_the_events_published_of_one_aggregate_or_from_a_time_on(
    process: Process, republisher: Republisher, local: Settings, until: Until
) -> None:
    """For a subscriber that is new; asked twice under one id, it is done once."""
    await told_and_published(process, until)
    before = await log_of(local)
    now = datetime.now(UTC)
    one = Republication("r-1", None, "c1", None, "ann", "new subscriber", now)
    none = Republication("r-2", None, "", now + timedelta(days=1), "ann", "too late", now)

    async with republisher._pool.acquire() as connection:
        for asked in (one, one, none):
            await republications.ask(connection, asked)
    await until(lambda: ended(local))

    after = await log_of(local)
    assert {key: len(told(after, key)) for key in KEYS} == {key: 8 if key == "c1" else 4 for key in KEYS}
    assert told(after, "c1") == told(before, "c1") * 2
    async with republisher._pool.acquire() as connection:
        assert [(await republications.ask(connection, asked)).published for asked in (one, none)] == [4, 0]


class Meanwhile(SafeProducer):
    """While it sends, more is told, so many times; what is told of an aggregate that is held comes later."""

    def __init__(self, settings: Settings, tell: Callable[[], Coroutine[object, object, None]], times: int) -> None:
        super().__init__(settings)
        self._tell, self.left = tell, times
        self.telling: set[asyncio.Task[None]] = set()

    async def send(self, records: Sequence[Outgoing]) -> None:
        """Tell, and send what was read before."""
        self.telling = {task for task in self.telling if not task.done()}
        if self.left and not self.telling:
            self.left -= 1
            _, self.telling = await asyncio.wait({asyncio.create_task(self._tell())}, timeout=0.5)
        await super().send(records)


async def test_events_told_meanwhile_leave_no_gap(
    alone: Process, republisher: Republisher, local: Settings, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a republication every aggregate stands there in whole once more: 1 to n in order, though n grew."""
    monkeypatch.setattr(republishing, "PAGE_EVENTS", 3)
    await told_and_published(alone, until)
    counted = len(await log_of(local))
    producer = republisher._producer = Meanwhile(local, lambda: one_round(alone), 30)

    async with republisher._pool.acquire() as connection:
        await republications.ask(connection, Republication("r", None, "", None, "ann", "all", datetime.now(UTC)))
    await republisher.publish()
    await asyncio.gather(*producer.telling)
    await until(lambda: alone._lanes.unpublished == 0)
    await producer.stop()

    assert await ended(local)
    assert producer.left == 0
    records = await log_of(local)
    assert len(records) > 2 * counted
    for key in KEYS:
        numbers = [int(dict(headers)["ce_sequence"]) for _, _, headers in told(records, key)]
        expected = 1
        for number in numbers[4:]:
            expected += number == expected
        assert expected > max(numbers), numbers
        assert max(numbers) == 34


class BrokenClock(SystemClock):
    """Tells no time; counts how often it was asked."""

    asked = 0

    async def now(self, connection: Connection) -> datetime:
        """A defect."""
        self.asked += 1
        raise RuntimeError("broken")


class Deaf(PartitionReader):
    """Its client never answers again."""

    async def ends(self, partitions: Sequence[int]) -> tuple[str, dict[int, tuple[int, int]]]:
        """No end."""
        raise BrokerUnavailable("no answer")


async def test_a_reader_that_does_not_answer_is_replaced(republisher: Republisher, local: Settings) -> None:
    """It was asked for ever, and no loss was seen any more; one that failed a moment ago is asked again."""
    await republisher.look()
    heard = republisher._reader
    assert heard is not None
    await heard.stop()
    deaf = republisher._reader = Deaf(local, EVENTS)

    with pytest.raises(BrokerUnavailable):
        await republisher.look()
    kept = republisher._reader
    republisher._heard_at -= local.reader_stall_seconds
    with pytest.raises(BrokerUnavailable):
        await republisher.look()
    republisher._producer.shrunk(EVENTS, 1)

    assert kept is deaf
    assert await republisher.look() == [1]


async def test_what_cannot_be_republished_ends_no_process(
    republisher: Republisher, local: Settings, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again; before, the process ended with it, and the next one after it."""
    monkeypatch.setattr(republishing, "LOOK_SECONDS", 0.05)
    clock = republisher._clock = BrokenClock()
    async with republisher._pool.acquire() as connection:
        await republications.ask(connection, Republication("r", None, "c", None, "ann", "all", datetime.now(UTC)))

    running = asyncio.create_task(republisher.run())
    await until(lambda: clock.asked > 1 or running.done())

    assert not running.done()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_one_process_at_a_time_republishes(republisher: Republisher, local: Settings) -> None:
    """Another one finds that it is being done."""
    other = Republisher(
        replace(local), republisher._outbound, republisher._producer, republisher._pool, SystemClock(),
        hold=republisher._hold,
    )
    await fetch(local, "insert into events values ('c', 1, 'T', now(), '', 'x')")
    async with republisher._pool.acquire() as connection:
        await republications.ask(connection, Republication("r", None, "", None, "ann", "all", datetime.now(UTC)))

    await asyncio.gather(republisher.publish(), other.publish())
    await republisher.publish()

    assert len(await log_of(local)) == 1
    assert await ended(local)


async def test_an_aggregate_that_is_told_without_pause_is_published_again_to_its_end(
    alone: Process, republisher: Republisher, local: Settings, until: Until
) -> None:
    """It is held for a moment in the end; who takes only the next number each time has all of them."""
    await told_and_published(alone, until)
    telling = asyncio.create_task(_without_pause(alone, "c1"))
    async with republisher._pool.acquire() as connection:
        await republications.ask(connection, Republication("r", None, "c1", None, "ann", "new", datetime.now(UTC)))

    async with asyncio.timeout(60):
        await republisher.publish()

    assert not telling.done()
    telling.cancel()
    with suppress(asyncio.CancelledError):
        await telling
    await until(lambda: alone._lanes.unpublished == 0)
    log = [r for r in await log_of(local) if r.key == b"c1"]
    numbers = [int(dict(record.headers)["ce_sequence"]) for record in log]
    again, taken = numbers.index(1, numbers.index(1) + 1), 0
    for number in numbers[again:]:
        taken += number == taken + 1
    assert await ended(local)
    assert taken == max(numbers)


async def _without_pause(process: Process, key: str) -> None:
    while True:
        await asyncio.gather(*(add(process, str(uuid4()), key=key) for _ in range(20)))
