"""A notice that Kafka loses is sent again until its receiver acknowledges it: rows, records and timers (findings:
proto_notice)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import pytest_asyncio

from services.kernel.decision import Command, Decision, Known, rule, rules, timer_rules
from services.kernel.messages import Message
from services.kernel.notices import ACKNOWLEDGED, REPEATED, Notice
from services.runtime.ground.codec import Sealed
from services.runtime.ground.records import ACKNOWLEDGED_TYPE, Outbound, topic
from services.runtime.ground.settings import Settings
from services.runtime.ground.writing import write
from services.runtime.kafka.producer import SafeProducer
from services.runtime.kafka.reader import PartitionReader, Record
from services.runtime.process import Process
from services.runtime.stored import parked
from services.runtime.stored.notices import notice_table
from tests.services.runtime.conftest import Start, Until
from tests.services.runtime.counters import CODEC, SERVICE, Add
from tests.services.runtime.mock_cluster import MockCluster
from tests.services.runtime.raw_records import COMMANDS, PARTITIONS
from tests.services.runtime.test_lanes import add, fetch

HEARD = topic("order", "replies")


def tell(known: Known, body: Add, message: Message, now: datetime) -> Decision:
    """Tell the order service two things about one order."""
    told = (Command("order", "ord_1", Add(n), id=f"{message.id}/{n}") for n in (1, 2))
    return Decision(commands=tuple(told))


TELLING = replace(
    SERVICE, tables=(*SERVICE.tables, notice_table(CODEC)),
    rules=rules(rule(Add, lambda body, message: (), tell), ACKNOWLEDGED), timers=timer_rules(REPEATED),
)


@pytest_asyncio.fixture(loop_scope="session")
async def telling(local: Settings, until: Until) -> AsyncIterator[Process]:
    """A service that sends notices."""
    running = Process(TELLING, local)
    await running.start()
    await until(lambda: running._lanes.ready)
    yield running
    await running.stop()


async def heard(local: Settings, topic: str = HEARD) -> list[Record]:
    """All that was sent so far: notices, if no other topic is named."""
    reader = PartitionReader(local, topic)
    await reader.start()
    _, ends = await reader.ends(range(PARTITIONS))
    reader.follow(dict.fromkeys(ends, 0))
    found: list[Record] = []
    while len(found) < sum(end for _, end in ends.values()):
        found += await reader.fetch(100)
    await reader.stop()
    return found


async def names(local: Settings) -> list[str]:
    """The ids of all notices that were sent so far."""
    return [dict(record.headers)["ce_id"].decode() for record in await heard(local)]


async def test_a_notice_that_is_lost_comes_again_and_the_next_one_after_it(
    telling: Process, local: Settings, until: Until
) -> None:
    """Sent again as it was when its timer is due; acknowledged, it is gone, and the one behind it is sent."""
    await add(telling, "r", key="c")

    async def sent(count: int) -> bool:
        return len(await names(local)) == count

    await until(lambda: sent(1))
    waiting = await fetch(local, "select id, place, attempts from notices order by place")
    await fetch(local, "update timers set due_at = now() where kind = 'notice' and key = 'r/1'")
    await until(lambda: sent(2))
    first, again = await heard(local)
    lost = {"ce_time", "mac"}
    headers = [[(name, value) for name, value in record.headers if name not in lost] for record in (first, again)]
    producer, outbound = SafeProducer(replace(local, service="order")), Outbound("order", CODEC, PARTITIONS)
    message = Message("r/1", "ord_1", Add(1), caller=dict(first.headers)["ce_replyto"].decode())
    await producer.send([outbound.acknowledgement(message, datetime.now(UTC))])
    await until(lambda: sent(3))
    await producer.stop()

    assert [tuple(row) for row in waiting] == [("r/1", 1, 0), ("r/2", 2, 0)]
    assert (headers[0], first.value, first.key) == (headers[1], again.value, b"ord_1")
    assert await names(local) == ["r/1", "r/1", "r/2"]
    assert [row[0] for row in await fetch(local, "select id from notices")] == ["r/2"]
    assert [row[0] for row in await fetch(local, "select key from timers where kind = 'notice'")] == ["r/2"]


async def test_a_record_with_a_return_address_is_acknowledged_each_time(
    telling: Process, local: Settings, cluster: MockCluster, until: Until
) -> None:
    """Decided once, acknowledged twice, to the commands of whoever sent it."""
    sender = topic("credit_ledger", "commands")
    cluster.create_topic(sender, PARTITIONS)
    producer = SafeProducer(replace(local, service="credit_ledger"))
    outbound = Outbound("credit_ledger", CODEC, PARTITIONS)
    notice = outbound.command(Command("any", "k", Add(5), id="n-1"), "c", datetime.now(UTC))
    await producer.send([replace(notice, topic=COMMANDS)] * 2)

    async def acknowledged() -> list[str]:
        headers = [dict(record.headers) for record in await heard(local, sender)]
        return [h["ce_subject"].decode() for h in headers if h["ce_type"] == ACKNOWLEDGED_TYPE.encode()]

    async def twice() -> bool:
        return await acknowledged() == ["c", "c"]

    await until(twice)
    assert (await fetch(local, "select count(*) from inbox where message_id = 'n-1'"))[0][0] == 1
    await producer.stop()


class Sender:
    """Another service that repeats notices to one root, and hears what is acknowledged."""

    def __init__(self, local: Settings, cluster: MockCluster) -> None:
        self._local = local
        self._topic = topic("credit_ledger", "commands")
        cluster.create_topic(self._topic, PARTITIONS)
        self._producer = SafeProducer(replace(local, service="credit_ledger"))
        self._outbound = Outbound("credit_ledger", CODEC, PARTITIONS)

    async def sends(self, notice_id: str, amount: int, damage: bytes = b"") -> None:
        """Once more, as it was."""
        notice = self._outbound.command(Command("any", "k", Add(amount), id=notice_id), "c", datetime.now(UTC))
        await self._producer.send([replace(notice, topic=COMMANDS, payload=damage or notice.payload)])

    async def heard(self) -> list[str]:
        """Which of its notices were acknowledged, each time."""
        headers = [dict(record.headers) for record in await heard(self._local, self._topic)]
        return sorted(h["ce_id"].decode() for h in headers if h["ce_type"] == ACKNOWLEDGED_TYPE.encode())

    async def stop(self) -> None:
        """Send nothing more."""
        await self._producer.stop()


async def aside(local: Settings) -> list[tuple[int, str]]:
    """What waits for a person."""
    return [tuple(row) for row in await fetch(
        local, "select id, message_id from parked where state = 'PARKED' order by id"
    )]


async def given_up(local: Settings, parked_id: int) -> None:
    """A person gives it up."""
    connection = await asyncpg.connect(local.dsn)
    async with connection.transaction():
        assert await parked.discard(connection, parked_id, "ann: of no use", datetime.now(UTC))
    await connection.close()


async def retried_and_lost(local: Settings, parked_id: int) -> None:
    """A person has it sent again, and Kafka loses it."""
    connection = await asyncpg.connect(local.dsn)
    async with connection.transaction():
        assert await parked.retry(connection, parked_id, PARTITIONS, "ann: mended", datetime.now(UTC))
        assert await connection.execute("delete from outbox where lane_id = 0") == "DELETE 1"
    await connection.close()


async def test_a_retried_notice_that_kafka_loses_is_repeated_and_decided(
    start: Start, local: Settings, cluster: MockCluster, until: Until
) -> None:
    """It waited behind a damaged record. Once acknowledged, it was lost for good with the record that was sent again.
    """
    await start(SERVICE)
    sender = Sender(local, cluster)
    await sender.sends("n-0", 1, damage=b"\xff\xff")
    await sender.sends("n-1", 5)

    async def wait() -> bool:
        return [name for _, name in await aside(local)] == ["n-0", "n-1"]

    await until(wait)
    (damaged, _), (behind, _) = await aside(local)
    before = await sender.heard()
    await given_up(local, damaged)
    await retried_and_lost(local, behind)

    await sender.sends("n-1", 5)
    await until(lambda: _acknowledged(sender, ["n-1"]))

    assert before == []
    assert [row[0] for row in await fetch(local, "select value from counters")] == [5]
    await sender.stop()


async def test_a_notice_that_a_person_gave_up_is_acknowledged_and_never_decided(
    start: Start, local: Settings, cluster: MockCluster, until: Until
) -> None:
    """Its repetition is answered, also where others of its key still wait before it; the true one of a damaged notice
    that was given up is decided all the same."""
    await start(SERVICE)
    sender = Sender(local, cluster)
    await sender.sends("n-0", 13)
    await sender.sends("n-1", 5)
    await sender.sends("n-2", 7, damage=b"\xff\xff")

    async def wait() -> bool:
        return len(await aside(local)) == 3

    await until(wait)
    (defect, _), (behind, _), (damaged, _) = await aside(local)
    await given_up(local, behind)
    await sender.sends("n-1", 5)
    await until(lambda: _acknowledged(sender, ["n-1"]))
    left = await aside(local)
    await given_up(local, defect)
    await given_up(local, damaged)
    await sender.sends("n-0", 13)
    await sender.sends("n-2", 7)
    await until(lambda: _acknowledged(sender, ["n-0", "n-1", "n-2"]))

    assert left == [(defect, "n-0"), (damaged, "n-2")]
    assert await aside(local) == []
    assert [row[0] for row in await fetch(local, "select value from counters")] == [7]
    await sender.stop()


async def _acknowledged(sender: Sender, ids: list[str]) -> bool:
    return await sender.heard() == [f"{each}/acknowledged" for each in ids]


async def test_a_kept_notice_is_what_it_was(telling: Process, local: Settings) -> None:
    """Its body comes back as bytes and goes out as these bytes."""
    table = notice_table(CODEC)
    notice = Notice("n", "c", "order", "ord_1", Add(7), 3)
    async with telling._pool.acquire() as connection:
        await write(connection, *table.save([notice], {}))
        (kept,) = await table.load(connection, ["n"])
        await write(connection, *table.save([replace(kept, attempts=2, version=2)], {"n": 1}))
        assert table.load_family is not None
        (again,) = await table.load_family(connection, ["c"])
        await write(connection, *table.save([replace(again, open=False, version=3)], {"n": 2}))
        gone = await table.load(connection, ["n"])

    sealed = Sealed(*CODEC.encode(Add(7)))
    assert kept == replace(notice, body=sealed)
    assert again == replace(notice, body=sealed, attempts=2, version=2)
    assert CODEC.encode(sealed) == CODEC.encode(Add(7))
    assert gone == []
