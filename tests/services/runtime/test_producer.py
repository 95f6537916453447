"""The producer is given up when it does not move, and nothing is lost by it."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import cast

import pytest
import pytest_asyncio

from services.runtime.ground import metrics
from services.runtime.ground.records import Headers, Outgoing
from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.kafka import clients as kafka
from services.runtime.kafka.producer import SafeProducer
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


def replaced() -> float:
    """How many producers were given up so far, for whatever cause."""
    return sum(sample.value for metric in metrics.PRODUCERS_REPLACED.collect() for sample in metric.samples
               if sample.name.endswith("_total"))


async def test_records_arrive_in_order_with_their_partition(cluster: MockCluster, producer: SafeProducer) -> None:
    """Order per partition is the order of the call, over several batches."""
    records = [record(number, number % 2) for number in range(2000)]

    await producer.send(records)

    assert await read_all(cluster, 0) == [str(n).encode() for n in range(0, 2000, 2)]
    assert await read_all(cluster, 1) == [str(n).encode() for n in range(1, 2000, 2)]


async def test_a2_a_cancelled_send_still_lands(cluster: MockCluster, until: Until) -> None:
    """Cancelling proves nothing: the record arrives, so the sender's retry is a
    duplicate that only the inbox can drop. Nobody gives the producer up meanwhile, which would send it once more."""
    producer = SafeProducer(replace(local(cluster), producer_stall_seconds=60.0))
    await producer.send([record(1)])
    cluster.set_rtt(3_000)
    sending = asyncio.create_task(producer.send([record(2)]))
    await until(lambda: producer._sender is not None and producer._sender._producer._sender._in_flight)

    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await producer.send([record(2)])

    cluster.set_rtt(0)
    assert await read_all(cluster) == [b"1", b"2", b"2"]
    await producer.stop()


async def test_a3_no_progress_replaces_the_producer(
    cluster: MockCluster, producer: SafeProducer, until: Until
) -> None:
    """A broker that is down for long would hold aiokafka for ever; it is given up within the stall time."""
    await producer.send([record(1)])
    before = replaced()
    cluster.set_down()

    sending = asyncio.create_task(producer.send([record(2)]))
    await until(lambda: replaced() > before)
    cluster.set_up()
    await asyncio.wait_for(sending, 20)

    assert set(await read_all(cluster)) == {b"1", b"2"}


@pytest.mark.parametrize("code", [45, 59, 47], ids=["OutOfOrderSequence", "UnknownProducerId", "InvalidProducerEpoch"])
async def test_a4_a_fatal_error_replaces_the_producer(cluster: MockCluster, producer: SafeProducer, code: int) -> None:
    """After such an error aiokafka's sequence numbers stay wrong; a new producer has new ones."""
    await producer.send([record(1)])
    before = replaced()
    cluster.fail_next(PRODUCE, code)

    await asyncio.wait_for(producer.send([record(2)]), 20)

    assert replaced() == before + 1
    assert await read_all(cluster) == [b"1", b"2"]


async def test_a5_a_dead_sender_task_is_noticed_at_once(cluster: MockCluster) -> None:
    """`send_and_wait` of a producer without its sender task would wait for ever;
    ours does not even wait for the stall time."""
    producer = SafeProducer(replace(local(cluster), producer_stall_seconds=60.0))
    await producer.send([record(1)])
    assert producer._sender is not None
    producer._sender.task.cancel()

    await asyncio.wait_for(producer.send([record(2)]), 10)

    assert await read_all(cluster) == [b"1", b"2"]
    await producer.stop()


async def test_many_senders_report_one_broken_producer_once(cluster: MockCluster, producer: SafeProducer) -> None:
    """Lanes share a producer; the second report of the same one must not discard its successor."""
    await producer.send([record(0)])
    cluster.fail_next(PRODUCE, 45)

    await asyncio.gather(*(producer.send([record(n, n % 2)]) for n in range(1, 9)))

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


# -- one queue for each partition, slice by slice


async def test_a_partition_without_a_leader_delays_only_itself(
    cluster: MockCluster, producer: SafeProducer, until: Until
) -> None:
    """The others go on at once, what they had acknowledged is not sent again, and it goes on where it stopped
    (findings: test_proto, leaderless)."""
    await producer.send([record(0, 0), record(0, 1)])
    cluster.set_leader("t", 0, -1)
    before = replaced()

    waiting = asyncio.create_task(producer.send([record(n, 0) for n in range(1, 4)]))
    for number in range(1, 6):
        await asyncio.wait_for(producer.send([record(number, 1)]), 20)
    both = asyncio.create_task(producer.send([record(4, 0), record(6, 1)]))
    await until(lambda: producer.ends["t", 1] == 7)
    assert not waiting.done()
    assert not both.done()
    longer = time.monotonic() + 2.5 * local(cluster).producer_stall_seconds
    await until(lambda: time.monotonic() > longer)
    held = await read_all(cluster, 1)
    cluster.set_leader("t", 0, 1)
    await asyncio.wait_for(asyncio.gather(waiting, both), 20)

    assert held == [str(n).encode() for n in range(7)]
    assert await read_all(cluster, 1) == held
    assert list(dict.fromkeys(await read_all(cluster, 0))) == [str(n).encode() for n in range(5)]
    assert replaced() - before <= 1


async def test_a_backlog_goes_through_a_slow_broker(cluster: MockCluster, producer: SafeProducer) -> None:
    """24 MB at 40 ms for each request take four times the stall time: what moves is not given up, and nothing is sent
    twice (findings: test_proto, backlog)."""
    cluster.set_rtt(40)
    before = replaced()
    records = [Outgoing("t", 0, "k", [], n.to_bytes(4) + bytes(60_000)) for n in range(400)]

    await asyncio.wait_for(producer.send(records), 30)

    assert replaced() == before
    assert producer.ends["t", 0] == len(records)


async def test_a_record_that_is_refused_for_good_is_handed_over_and_its_partition_goes_on(
    cluster: MockCluster, producer: SafeProducer
) -> None:
    """The slice is halved until the record stands alone; the others of the partition keep their order."""
    refused: list[Outgoing] = []

    async def set_aside(outgoing: Outgoing, error: Exception) -> bool:
        refused.append(outgoing)
        return True

    producer.refuse = set_aside
    null = replace(record(3), headers=[("ce_id", cast(bytes, "text"))])
    nowhere = replace(record(5), topic="no topic!")
    await asyncio.wait_for(producer.send([record(1), record(2), null, record(4), nowhere]), 20)

    assert [outgoing.payload for outgoing in sorted(refused, key=lambda each: each.payload)] == [b"3", b"5"]
    assert await read_all(cluster) == [b"1", b"2", b"4"]


async def test_a_record_of_which_no_batch_can_be_made_is_handed_over(producer: SafeProducer) -> None:
    """Whatever is wrong with it: the sending fell over, and other partitions waited for a next record of theirs."""
    refused: list[Outgoing] = []
    broken = replace(record(1), headers=cast(Headers, [("ce_id", b"1", b"?")]))

    async def set_aside(outgoing: Outgoing, error: Exception) -> bool:
        refused.append(outgoing)
        return True

    producer.refuse = set_aside
    async with asyncio.timeout(20):
        await producer.send([record(0), broken, record(2), record(3, 1)])

    assert refused == [broken]


async def test_a_partition_that_is_not_there_delays_only_itself(
    cluster: MockCluster, producer: SafeProducer
) -> None:
    """Its records wait for it; the others go."""
    waiting = asyncio.create_task(producer.send([record(1, partition=7)]))

    await asyncio.wait_for(producer.send([record(2)]), 20)

    assert not waiting.done()
    waiting.cancel()
