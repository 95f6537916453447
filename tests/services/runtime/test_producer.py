"""The producer is given up when it does not move, and nothing is lost by it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from services.runtime.ground.records import Outgoing
from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.kafka import clients as kafka
from services.runtime.kafka.producer import ProducerReplaced, SafeProducer
from services.runtime.kafka.reader import PartitionReader
from tests.services.runtime.conftest import Until
from tests.services.runtime.mock_cluster import MockCluster

PRODUCE = 0


def record(number: int, partition: int = 0) -> Outgoing:
    """The record of this number."""
    return Outgoing("t", partition, "key", [("ce_id", str(number).encode())], str(number).encode())


@pytest_asyncio.fixture(loop_scope="session")
async def producer(cluster: MockCluster) -> AsyncIterator[SafeProducer]:
    """A producer that gives up after 1 s."""
    made = SafeProducer(local(cluster))
    yield made
    await made.stop()


def local(cluster: MockCluster) -> Settings:
    """Settings for the mock cluster."""
    return Settings("test", kafka=cluster.bootstrap, producer_stall_seconds=1.0)


async def read_all(cluster: MockCluster, partition: int = 0) -> list[bytes]:
    """Everything in a partition's log."""
    reader = PartitionReader(local(cluster), "t")
    await reader.start()
    _, ends = await reader.ends([partition])
    reader.follow({partition: 0})
    found: list[bytes] = []
    while len(found) < ends[partition][1]:
        found += [r.value for r in await reader.fetch(1000)]
    await reader.stop()
    return found


async def send_until_taken(producer: SafeProducer, records: list[Outgoing]) -> int:
    """As the publisher does: again until it passes; answers how often it was replaced."""
    async with asyncio.timeout(20):
        for replaced in range(100):
            try:
                await producer.send(records)
            except ProducerReplaced:
                continue
            return replaced
    raise AssertionError("never taken")


async def test_records_arrive_in_order_with_their_partition(cluster: MockCluster, producer: SafeProducer) -> None:
    """Order per partition is the order of the call, over several batches."""
    records = [record(number, number % 2) for number in range(2000)]

    await producer.send(records)

    assert await read_all(cluster, 0) == [str(n).encode() for n in range(0, 2000, 2)]
    assert await read_all(cluster, 1) == [str(n).encode() for n in range(1, 2000, 2)]


async def test_a2_a_cancelled_send_still_lands(cluster: MockCluster, producer: SafeProducer, until: Until) -> None:
    """Cancelling proves nothing: the record arrives, so the sender's retry is a
    duplicate that only the inbox can drop."""
    await producer.send([record(1)])
    cluster.set_rtt(500)
    sending = asyncio.create_task(producer.send([record(2)]))
    await until(lambda: producer._producer is not None and producer._producer._sender._in_flight)

    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await send_until_taken(producer, [record(2)])

    cluster.set_rtt(0)
    assert await read_all(cluster) == [b"1", b"2", b"2"]


async def test_a3_no_progress_replaces_the_producer(cluster: MockCluster, producer: SafeProducer) -> None:
    """A broker that is down for long would hold aiokafka for ever; we are told within the stall time and send again."""
    await producer.send([record(1)])
    cluster.set_down()
    loop = asyncio.get_running_loop()
    began = loop.time()

    with pytest.raises(ProducerReplaced):
        await producer.send([record(2)])
    waited = loop.time() - began
    cluster.set_up()
    await send_until_taken(producer, [record(2)])

    assert waited < 3
    assert set(await read_all(cluster)) == {b"1", b"2"}


@pytest.mark.parametrize("code", [45, 59, 47], ids=["OutOfOrderSequence", "UnknownProducerId", "InvalidProducerEpoch"])
async def test_a4_a_fatal_error_replaces_the_producer(cluster: MockCluster, producer: SafeProducer, code: int) -> None:
    """After such an error aiokafka's sequence numbers stay wrong; a new producer has new ones."""
    await producer.send([record(1)])
    first = producer._producer
    cluster.fail_next(PRODUCE, code)

    with pytest.raises(ProducerReplaced):
        await producer.send([record(2)])
    await send_until_taken(producer, [record(2)])

    assert producer._producer is not first
    assert await read_all(cluster) == [b"1", b"2"]


async def test_a5_a_dead_sender_task_is_noticed_at_once(cluster: MockCluster) -> None:
    """`send_and_wait` of a producer without its sender task would wait for ever;
    ours does not even wait for the stall time."""
    producer = SafeProducer(replace(local(cluster), producer_stall_seconds=60.0))
    await producer.send([record(1)])
    assert producer._producer is not None
    producer._producer._sender.sender_task.cancel()

    replaced = await asyncio.wait_for(send_until_taken(producer, [record(2)]), 10)

    assert replaced >= 1
    assert await read_all(cluster) == [b"1", b"2"]
    await producer.stop()


async def test_many_senders_report_one_broken_producer_once(cluster: MockCluster, producer: SafeProducer) -> None:
    """Lanes share a producer; the second report of the same one must not discard its successor."""
    await producer.send([record(0)])
    cluster.fail_next(PRODUCE, 45)

    await asyncio.gather(*(send_until_taken(producer, [record(n, n % 2)]) for n in range(1, 9)))

    found = await read_all(cluster, 0) + await read_all(cluster, 1)
    assert {int(value) for value in found} == set(range(9))


async def test_a15_a_codec_that_is_not_there_is_refused(cluster: MockCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """lz4 works where cramjam is installed; elsewhere the setting is named instead of failing at the first record."""
    compressed = replace(local(cluster), kafka_compression="lz4")
    producer = SafeProducer(compressed)
    await producer.send([record(1)])
    assert await read_all(cluster) == [b"1"]
    await producer.stop()

    monkeypatch.setattr(kafka, "find_spec", {}.get)
    with pytest.raises(SettingsError, match="cramjam"):
        kafka.make_producer(compressed)
