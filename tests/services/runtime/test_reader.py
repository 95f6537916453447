"""The reader goes where it is told, and is replaced when it goes quiet."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.kafka import clients, epoch
from services.runtime.kafka.clients import (
    BrokerUnavailable,
    check_broker,
    make_consumer,
    make_producer,
)
from services.runtime.kafka.producer import SafeProducer
from services.runtime.kafka.reader import LogLost, PartitionReader
from tests.services.runtime.conftest import Until
from tests.services.runtime.mock_cluster import MockCluster
from tests.services.runtime.test_producer import record

FIND_COORDINATOR, COORDINATOR_NOT_AVAILABLE, GROUP_AUTHORIZATION_FAILED = 10, 15, 30
SOURCES = {path: path.read_text() for path in Path("services").rglob("*.py") if "local" not in path.parts}


def local(cluster: MockCluster, stall_seconds: float = 2.0) -> Settings:
    """Settings for the mock cluster."""
    return Settings("test", kafka=cluster.bootstrap, producer_stall_seconds=1.0, reader_stall_seconds=stall_seconds)


@pytest_asyncio.fixture(loop_scope="session")
async def producer(cluster: MockCluster) -> AsyncIterator[SafeProducer]:
    """A producer on the mock cluster."""
    made = SafeProducer(local(cluster))
    yield made
    await made.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def reader(cluster: MockCluster) -> AsyncIterator[PartitionReader]:
    """A connected reader that follows nothing yet."""
    made = PartitionReader(local(cluster), "t")
    await made.start()
    yield made
    await made.stop()


async def collect(reader: PartitionReader, found: list[bytes], count: int, seconds: float = 15.0) -> list[bytes]:
    """Fetch until so many values are there."""
    async with asyncio.timeout(seconds):
        while len(found) < count:
            found += [r.value for r in await reader.fetch(100)]
    return found


async def test_a1_a14_clients_are_built_with_the_safe_settings(cluster: MockCluster) -> None:
    """All replicas, idempotent, no group, no automatic commit or reset, bounded fetches;
    read from the built clients."""
    producer, consumer = make_producer(local(cluster)), make_consumer(local(cluster))

    assert producer._sender._acks == -1
    assert producer._txn_manager.transactional_id is None
    assert (consumer._group_id, consumer._enable_auto_commit, consumer._auto_offset_reset) == (None, False, "none")
    assert consumer._isolation_level == "read_committed"
    assert consumer._fetch_max_bytes <= 4 << 20
    assert consumer._max_partition_fetch_bytes <= 512 << 10
    await producer.stop()
    await consumer.stop()


async def test_a1_a9_no_other_file_builds_a_client() -> None:
    """One factory; no group, no subscription, no transaction anywhere."""
    building = re.compile(r"AIOKafka(Producer|Consumer)\(")
    joining = re.compile(r"\.subscribe\(|transactional_id|group_id=(?!None)")

    found = [str(path) for path, text in SOURCES.items() if building.search(text)]
    assert found == ["services/runtime/kafka/clients.py"]
    assert [str(path) for path, text in SOURCES.items() if joining.search(text)] == []


async def test_it_reads_each_partition_from_where_it_is_told(producer: SafeProducer, reader: PartitionReader) -> None:
    """Partitions gained later do not disturb those read before."""
    await producer.send([record(n, n % 2) for n in range(20)])

    reader.follow({0: 5})
    first = await collect(reader, [], 5)
    reader.follow({1: 8})
    second = await collect(reader, [], 2)

    assert first == [b"10", b"12", b"14", b"16", b"18"]
    assert second == [b"17", b"19"]
    assert await reader.lag() == 0


class Left(PartitionReader):
    """Its lane leaves a partition, and maybe takes it again, while it asks the broker how far the others are."""

    again: int | None = None

    async def _replace_if_stuck(self, now: float) -> None:
        await super()._replace_if_stuck(now)
        self.leave({0})
        if self.again is not None:
            self.follow({0: self.again})


@pytest.mark.parametrize(("again", "values"), [(None, [b"1", b"3"]), (0, [b"1", b"3", b"0", b"2"])])
async def test_what_was_left_while_a_fetch_was_under_way_is_not_handed_on(
    cluster: MockCluster, producer: SafeProducer, again: int | None, values: list[bytes]
) -> None:
    """Its lane had forgotten what stood before it: consumed, it would have made the next owner pass over that."""
    await producer.send([record(n, n % 2) for n in range(4)])
    reader = Left(local(cluster, stall_seconds=60.0), "t")
    reader.again = again
    await reader.start()
    reader.follow({0: 0, 1: 0})

    found = await collect(reader, [], len(values))
    found += [r.value for r in await reader.fetch(100)]

    assert sorted(found) == sorted(values)
    assert found.index(b"1") < found.index(b"3")
    await reader.stop()


async def test_a6_reading_goes_on_after_the_broker_restarts(
    cluster: MockCluster, producer: SafeProducer, reader: PartitionReader
) -> None:
    """Five restarts; every record arrives, in order."""
    reader.follow({0: 0, 1: 0})
    found: list[bytes] = []
    sent = 0
    for _ in range(5):
        cluster.set_down()
        found += [r.value for r in await reader.fetch(100)]
        cluster.set_up()
        sending = asyncio.create_task(producer.send([record(sent)]))
        while not sending.done():
            found += [r.value for r in await reader.fetch(100)]
        sent += 1

    values = [int(value) for value in await collect(reader, found, sent)]

    assert list(dict.fromkeys(values)) == list(range(5))


async def test_a6_a_consumer_that_goes_quiet_is_replaced(
    cluster: MockCluster, producer: SafeProducer, reader: PartitionReader, until: Until
) -> None:
    """Its fetcher is dead and says nothing; the partition lags and does not move, so a new consumer takes over."""
    reader.follow({0: 0})
    assert reader._consumer is not None
    quiet = reader._consumer
    await producer.send([record(1)])
    assert await collect(reader, [], 1) == [b"1"]
    quiet._fetcher._fetch_task.cancel()
    await until(quiet._fetcher._fetch_task.done)
    await producer.send([record(2)])

    found = await collect(reader, [], 1)

    assert found == [b"2"]
    assert reader._consumer is not quiet


async def test_a6_an_idle_partition_is_not_a_quiet_one(reader: PartitionReader) -> None:
    """No lag is progress: nothing is replaced while nothing arrives."""
    reader.follow({0: 0, 1: 0})
    before = reader._consumer
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + 2.5

    while loop.time() < ends_at:
        assert await reader.fetch(10) == []

    assert reader._consumer is before


async def test_a6_an_offset_out_of_range_stops_the_reader(producer: SafeProducer, reader: PartitionReader) -> None:
    """Kafka lost data: the reader says so instead of going somewhere else, and names the cluster for the new start."""
    await producer.send([record(1)])

    reader.follow({0: 99})
    with pytest.raises(LogLost):
        await collect(reader, [], 1)

    identity, ends = await reader.ends([0])
    assert identity.startswith("mockCluster")
    assert ends == {0: (0, 1)}


async def test_a7_a9_coordinator_errors_do_not_reach_the_reader(
    cluster: MockCluster, producer: SafeProducer, reader: PartitionReader
) -> None:
    """Without a group nobody asks the coordinator, retriable or not."""
    cluster.fail_next(FIND_COORDINATOR, COORDINATOR_NOT_AVAILABLE, GROUP_AUTHORIZATION_FAILED)
    reader.follow({0: 0})

    await producer.send([record(1)])

    assert await collect(reader, [], 1) == [b"1"]


async def test_a12_a13_the_broker_is_checked_at_the_start(
    cluster: MockCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that speaks too old a protocol, and the embedded one in production, are refused by name."""
    assert (await check_broker(local(cluster))).startswith("mockCluster")

    with pytest.raises(SettingsError, match="embedded"):
        await check_broker(Settings("test", kafka=cluster.bootstrap, profile="production"))
    monkeypatch.setitem(clients._NEEDED, "Fetch", (1, 40, 50))
    with pytest.raises(SettingsError, match="speaks Fetch"):
        await check_broker(local(cluster))


async def test_a_topic_with_too_few_partitions_is_refused_by_name(cluster: MockCluster) -> None:
    """No partition beyond them ever answers: a process waited for that, and never said for what."""
    three = replace(local(cluster), partitions=3)

    with pytest.raises(SettingsError, match=r"SETTLE_PARTITIONS=3, but t was made with 2"):
        await check_broker(three, "t")
    await check_broker(replace(three, partitions=1), "t")
    await check_broker(three, "not.there.yet")


async def test_no_broker_is_an_error_of_its_own() -> None:
    """It can be told from a defect, and counts as a lost connection."""
    nowhere = Settings("test", kafka="127.0.0.1:1")

    with pytest.raises(BrokerUnavailable):
        await check_broker(nowhere)
    with pytest.raises(OSError):
        await PartitionReader(nowhere, "t").start()


async def test_a_connection_that_is_not_waited_for_is_closed(
    cluster: MockCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is cancelled while he connects leaves nothing behind."""
    made: list[AIOKafkaConsumer] = []

    def slow(settings: Settings) -> AIOKafkaConsumer:
        made.append(make_consumer(settings))
        monkeypatch.setattr(made[0], "start", asyncio.Event().wait)
        return made[0]

    monkeypatch.setattr(clients, "make_consumer", slow)
    starting = asyncio.create_task(PartitionReader(local(cluster), "t").start())
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert made[0]._closed


async def test_who_asks_for_the_lag_at_one_time_shares_a_connection(
    cluster: MockCluster, reader: PartitionReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that another one put aside would stay open."""
    made: list[AIOKafkaConsumer] = []

    def counted(settings: Settings) -> AIOKafkaConsumer:
        made.append(make_consumer(settings))
        return made[-1]

    monkeypatch.setattr(clients, "make_consumer", counted)

    assert await asyncio.gather(*(reader.lag() for _ in range(5))) == [0] * 5
    assert len(made) == 1


async def test_a_connection_that_comes_after_the_stop_is_closed(
    cluster: MockCluster, reader: PartitionReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stops the reader does not see one that is still made for a question."""
    made: list[AIOKafkaConsumer] = []
    may_connect = asyncio.Event()

    def slow(settings: Settings) -> AIOKafkaConsumer:
        made.append(make_consumer(settings))
        connect = made[0].start

        async def late() -> None:
            await may_connect.wait()
            await connect()

        monkeypatch.setattr(made[0], "start", late)
        return made[0]

    monkeypatch.setattr(clients, "make_consumer", slow)
    asking = asyncio.create_task(reader.lag())
    await asyncio.sleep(0)
    await reader.stop()
    may_connect.set()

    with pytest.raises(BrokerUnavailable):
        await asking
    assert made[0]._closed


async def test_the_epoch_of_a_topic_names_the_topic_itself(cluster: MockCluster, reader: PartitionReader) -> None:
    """One that is made anew under its name has another id, though the cluster is the same."""
    identity, _ = await reader.ends([0])

    assert identity.count("/") == 1
    assert len(identity.partition("/")[2]) == 32


async def test_a_topic_that_is_away_has_no_epoch(cluster: MockCluster, reader: PartitionReader) -> None:
    """An epoch without the topic's id would be taken for that of a broker that knows no ids, and the topic that comes
    after it for the one before."""
    assert reader._consumer is not None

    with pytest.raises(KafkaError):
        await epoch.epoch_of(reader._consumer, "deleted")


async def test_ends_of_a_topic_that_is_made_anew_meanwhile_are_not_told(
    reader: PartitionReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be those of the topic before: with the new one's epoch they would hide that it lost everything."""
    ids = iter(["before", "after", "after", "after"])

    async def made_anew(consumer: AIOKafkaConsumer, topic: str) -> str:
        return next(ids)

    monkeypatch.setattr(epoch, "_topic_id", made_anew)

    with pytest.raises(BrokerUnavailable, match="made anew"):
        await reader.ends([0])
    assert (await reader.ends([0]))[0].endswith("/after")
