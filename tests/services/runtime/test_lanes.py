"""The guards that need a lane: a whole small service on a real PostgreSQL and a mock Kafka."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

import asyncpg
import pytest_asyncio

from services.kernel.errors import SettlementError
from services.kernel.ids import partition_of
from services.kernel.messages import Message
from services.kernel.saga import Verdict
from services.runtime.ground.clock import SystemClock
from services.runtime.ground.postgres import connect_lane, open_pool
from services.runtime.ground.records import Outbound, Outgoing
from services.runtime.ground.settings import Settings
from services.runtime.ground.writing import write
from services.runtime.kafka.producer import SafeProducer
from services.runtime.kafka.publisher import Publisher, publish_leftovers
from services.runtime.kafka.reader import PartitionReader
from services.runtime.lanes.batch import Batch
from services.runtime.lanes.business import Business
from services.runtime.lanes.item import Item
from services.runtime.process import Process
from services.runtime.stored import leases, outbox, parked
from services.runtime.stored.inbox import Answered
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import CODEC, SERVICE, Add
from tests.services.runtime.raw_records import COMMANDS, EVENTS, PARTITIONS


@pytest_asyncio.fixture(loop_scope="session")
async def process(local: Settings, until: Until) -> AsyncIterator[Process]:
    """The service, running."""
    running = Process(SERVICE, local)
    await running.start()
    await until(lambda: running._lanes.ready)
    yield running
    await running.stop()


async def fetch(settings: Settings, query: str, *values: object) -> list[asyncpg.Record]:
    """Ask the database."""
    connection = await asyncpg.connect(settings.dsn)
    try:
        return list(await connection.fetch(query, *values))
    finally:
        await connection.close()


def add(process: Process, request_id: str, amount: int = 1, key: str = "c") -> "asyncio.Future[Answered]":
    """Submit a call as the edge does."""
    message = Message(id=request_id, key=key, body=Add(amount), fresh_id=request_id)
    return process._lanes.submit(message, str(amount).encode(), 5.0)


async def add_until_answered(process: Process, request_id: str, key: str) -> Answered:
    """As a client does: again with the same id after a fault."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await asyncio.wait_for(add(process, request_id, key=key), 2)
            except (SettlementError, TimeoutError):
                continue


async def events(local: Settings) -> dict[str, list[int]]:
    """The sequences of every counter's events, as they stand in Kafka."""
    reader = PartitionReader(local, EVENTS)
    await reader.start()
    _, ends = await reader.ends(range(PARTITIONS))
    reader.follow(dict.fromkeys(ends, 0))
    found: dict[str, list[int]] = {}
    for _ in range(100):
        if await reader.lag() == 0:
            break
        for record in await reader.fetch(1000):
            headers = dict(record.headers)
            found.setdefault(headers["ce_subject"].decode(), []).append(int(headers["ce_sequence"]))
    await reader.stop()
    return found


async def test_g1_b1_a_call_whose_caller_left_has_one_effect_and_one_answer(process: Process, local: Settings) -> None:
    """The caller is gone mid-write; asking again with the same id gives the answer of the first."""
    chance = random.Random(3)
    ids = [str(uuid4()) for _ in range(200)]
    for request_id in ids:
        left = add(process, request_id)
        asyncio.get_running_loop().call_later(chance.random() * 0.003, left.cancel)
        with suppress(asyncio.CancelledError):
            await left

    first = [await add_until_answered(process, request_id, "c") for request_id in ids]
    again = [await add_until_answered(process, request_id, "c") for request_id in ids]

    assert [a.outcome for a in first] == [a.outcome for a in again]
    assert [tuple(row) for row in await fetch(local, "select value, version from counters")] == [(200, 200)]


async def test_b2_a11_backends_killed_under_load_lose_and_repeat_nothing(
    process: Process, local: Settings, until: Until
) -> None:
    """Sessions end anywhere, in COMMIT too; every id has one effect, and the streams of events have no gap (D2)."""
    killed: list[list[int]] = [[]]
    answers = 0
    chance = random.Random(5)

    def renewed(enough: int) -> bool:
        return process._lanes.alive() not in ([], killed[-1]) and answers >= enough

    async def storm() -> None:
        connection = await asyncpg.connect(local.dsn)
        for _ in range(6):
            enough = answers + chance.randrange(60)
            await until(partial(renewed, enough))
            killed.append(process._lanes.alive())
            await connection.execute(
                """select pg_terminate_backend(pid) from pg_stat_activity
                   where datname = current_database() and pid <> pg_backend_pid()
                     and application_name = 'settle/counter'"""
            )
        await connection.close()

    async def call(number: int) -> None:
        nonlocal answers
        await add_until_answered(process, str(uuid4()), f"c{number % 5}")
        answers += 1

    storming = asyncio.create_task(storm())
    rounds = 0
    while rounds < 8 or not storming.done():
        await asyncio.gather(*(call(number) for number in range(50)))
        rounds += 1
    await storming
    total = 10 * rounds

    found = await fetch(local, "select id, value, version from counters")
    assert sorted(tuple(row) for row in found) == [(f"c{n}", total, total) for n in range(5)]
    await until(lambda: process._lanes.unpublished == 0)

    async def complete() -> bool:
        await process.chores.sweep()
        told = (await events(local)).values()
        return all(list(dict.fromkeys(sequences)) == list(range(1, total + 1)) for sequences in told)

    await until(complete)


async def test_b2_a_commit_in_which_the_session_is_lost_is_read_back_and_done_once(
    process: Process, local: Settings
) -> None:
    """Nobody is answered for what the database does not hold: it is decided again in the next session."""
    await fetch(local, "create sequence deaths")
    await fetch(local, """create function dies_once() returns trigger language plpgsql as $$ begin
        if nextval('deaths') = 1 then perform pg_terminate_backend(pg_backend_pid()); end if; return null; end $$""")
    await fetch(local, """create constraint trigger dies_in_commit after insert on counters
        deferrable initially deferred for each row execute function dies_once()""")

    answered = await add(process, str(uuid4()))

    assert answered.verdict is Verdict.DONE
    assert [tuple(row) for row in await fetch(local, "select value, version from counters")] == [(1, 1)]


async def test_a2_a_record_that_arrives_twice_counts_once(process: Process, local: Settings, until: Until) -> None:
    """Duplicates of a producer, or of a whole log, meet the inbox."""
    producer = SafeProducer(local)
    outbound = Outbound(local.service, CODEC, PARTITIONS)
    headers = [*outbound._headers("msg-1", "google.protobuf.Int64Value", "c", datetime.now(UTC))]
    record = Outgoing(COMMANDS, partition_of("c", PARTITIONS), "c", headers, CODEC.encode(Add(5))[1])

    await producer.send([record])
    await producer.send([record, record])
    await producer.stop()

    async def consumed() -> bool:
        return any(row[0] == 3 for row in await fetch(local, "select next_offset from consumed_offsets"))

    await until(consumed)
    assert [tuple(row) for row in await fetch(local, "select value, version from counters")] == [(5, 1)]


async def test_poison_is_parked_and_its_partition_keeps_moving(process: Process, local: Settings, until: Until) -> None:
    """A defect in one message, and bytes that are none, stand in `parked` with their reason; the others are decided."""
    producer = SafeProducer(local)
    outbound = Outbound(local.service, CODEC, PARTITIONS)
    partition = partition_of("poison", PARTITIONS)
    good = next(f"c{n}" for n in range(100) if partition_of(f"c{n}", PARTITIONS) == partition)

    def record(identity: str, key: str, payload: bytes) -> Outgoing:
        headers = outbound._headers(identity, "google.protobuf.Int64Value", key, datetime.now(UTC))
        return Outgoing(COMMANDS, partition, key, headers, payload)

    await producer.send([
        record("m1", "poison", CODEC.encode(Add(13))[1]), record("m2", "garbled", b"\xff\xff"),
        record("m3", good, CODEC.encode(Add(2))[1]), record("m4", "poison", CODEC.encode(Add(1))[1]),
    ])
    await producer.stop()

    async def consumed() -> bool:
        return any(row[0] == 4 for row in await fetch(local, "select next_offset from consumed_offsets"))

    await until(consumed)
    assert [tuple(row) for row in await fetch(local, "select id, value from counters")] == [(good, 2)]
    parked = [tuple(row) for row in await fetch(local, "select key, message_id <> '' from parked order by id")]
    assert [key for key, _ in parked] == ["poison", "garbled", "poison"]


async def test_what_was_set_aside_is_retried_in_its_order(process: Process, local: Settings, until: Until) -> None:
    """The second cannot overtake the first; the first passes at once although
    others of its key still wait behind it."""
    producer, outbound = SafeProducer(local), Outbound(local.service, CODEC, PARTITIONS)
    partition = partition_of("k", PARTITIONS)
    amounts = {amount: CODEC.encode(Add(amount)) for amount in (13, 1, 20, 300)}
    records = [
        Outgoing(COMMANDS, partition, "k", outbound._headers(f"m{amount}", name, "k", datetime.now(UTC)), payload)
        for amount, (name, payload) in amounts.items()
    ]
    await producer.send(records)
    await producer.stop()

    async def waiting() -> list[str]:
        rows = await fetch(local, "select message_id from parked where state = 'PARKED' order by id")
        return [row[0] for row in rows]

    async def all_wait() -> bool:
        return len(await waiting()) == len(records)

    async def again(parked_id: int) -> None:
        connection = await asyncpg.connect(local.dsn)
        async with connection.transaction():
            assert await parked.retry(connection, parked_id, PARTITIONS, "ann: repaired", datetime.now(UTC))
        await connection.close()
        arrived = (await fetch(local, "select sum(next_offset) from consumed_offsets"))[0][0]
        await process.chores.sweep()

        async def decided() -> bool:
            return bool((await fetch(local, "select sum(next_offset) > $1 from consumed_offsets", arrived))[0][0])

        await until(decided)

    await until(all_wait)
    ids = [row[0] for row in await fetch(local, "select id from parked order by id")]
    await fetch(local, "update parked set state = 'DISCARDED' where id = $1", ids[0])
    await again(ids[2])
    overtaking = await fetch(local, "select value from counters")
    await again(ids[1])

    assert overtaking == []
    assert [row[0] for row in await fetch(local, "select value from counters")] == [1]
    assert [await waiting()] == [["m300", "m20"]]
    for parked_id in [row[0] for row in await fetch(local, "select id from parked where state = 'PARKED' order by id")]:
        await again(parked_id)
    assert [row[0] for row in await fetch(local, "select value from counters")] == [321]
    assert await waiting() == []


async def test_a_refusal_is_stored_and_another_body_is_told(process: Process) -> None:
    """Same id and body: the stored answer. Same id, other body: REQUEST_ID_REUSED."""
    request_id = str(uuid4())

    first, again = await add(process, request_id, 0), await add(process, request_id, 0)
    other = await add(process, request_id, 7)

    assert first.verdict is Verdict.REFUSED
    assert (again.outcome, first.refusal.reason) == (first.outcome, "NOTHING_TO_ADD")
    assert other.refusal.reason == "REQUEST_ID_REUSED"


async def test_what_no_column_holds_is_refused_and_not_a_fault(process: Process, local: Settings) -> None:
    """F4: it answered UNAVAILABLE, so its caller asked again for ever. The refusal is stored; who else was in the batch
    and what comes later is decided."""
    most, request_id, key = 2**63 - 1, str(uuid4()), "full"
    await add(process, str(uuid4()), most, key)

    refused, other = await asyncio.gather(add(process, request_id, most, key), add(process, str(uuid4()), 5, "beside"))
    again = await add(process, request_id, most, key)
    later = await add(process, str(uuid4()), -7, key)

    assert (refused.verdict, refused.refusal.reason, refused.refusal.status) == (
        Verdict.REFUSED, "INVALID_AMOUNT", "INVALID_ARGUMENT",
    )
    assert again.outcome == refused.outcome
    assert (other.verdict, later.verdict) == (Verdict.DONE, Verdict.DONE)
    assert [row[0] for row in await fetch(local, "select value from counters where id = 'full'")] == [most - 7]


def business() -> Business:
    """Counters without a lane."""
    return Business(SERVICE.tables, SERVICE.rules, {}, CODEC, Outbound("counter", CODEC, PARTITIONS), PARTITIONS)


async def test_d4_two_lanes_with_the_same_keys_never_deadlock(local: Settings) -> None:
    """Each batch names the keys in another order; roots are locked in one."""
    keys = [f"c{n}" for n in range(20)]

    async def batches(seed: int) -> None:
        chance = random.Random(seed)
        connection = await connect_lane(local)
        for number in range(60):
            order = chance.sample(keys, len(keys))
            items = [Item(Message(f"{seed}/{number}/{key}", key, Add(1))) for key in order]
            async with connection.transaction():
                batch = Batch(business(), items, SystemClock())
                await batch.run(connection)
                await batch.save(connection, "", outbox.Outlet(1_000_000 + seed, number * len(keys) + 1))
        connection.terminate()

    first = await connect_lane(local)
    async with first.transaction():
        items = [Item(Message(f"0/{key}", key, Add(1))) for key in keys]
        batch = Batch(business(), items, SystemClock())
        await batch.run(first)
        await batch.save(first, "", outbox.Outlet(999_999, 1))
    first.terminate()

    await asyncio.gather(*(batches(seed) for seed in range(4)))

    assert {row[0] for row in await fetch(local, "select value from counters")} == {241}


def leftover(number: int) -> Outgoing:
    """A record that some lane did not publish."""
    headers = [("ce_subject", b"c"), ("ce_sequence", str(number).encode())]
    return Outgoing(EVENTS, 0, "c", headers, b"")


async def test_d1_rows_that_commit_out_of_order_are_all_published(local: Settings) -> None:
    """A cursor would skip the late one; what exists is published."""
    pool, producer = await open_pool(local), SafeProducer(local)
    publisher = Publisher(producer, pool)
    late = await asyncpg.connect(local.dsn)
    transaction = late.transaction()
    await transaction.start()
    await write(late, outbox.Outlet(900, 1).save([leftover(1)]))
    async with pool.acquire() as connection:
        await write(connection, outbox.Outlet(901, 2).save([leftover(2)]))

    assert await publish_leftovers(pool, publisher, list) == 1
    await transaction.commit()
    assert await publish_leftovers(pool, publisher, list) == 1

    assert await events(local) == {"c": [2, 1]}
    assert await fetch(local, "select seq from outbox") == []
    await late.close()
    await producer.stop()
    await pool.close()


async def test_d2_a_lanes_rows_are_published_once_in_its_order_and_only_when_it_is_dead(local: Settings) -> None:
    """Two scanners at once, and the lane itself alive at first."""
    pool, producer = await open_pool(local), SafeProducer(local)
    publisher = Publisher(producer, pool)
    lane = await connect_lane(local)
    lane_id = await leases.announce(lane)
    await write(lane, outbox.Outlet(lane_id, 1).save([leftover(n) for n in range(1, 101)]))

    alive = await publish_leftovers(pool, publisher, list)
    lane.terminate()
    published = 0
    async with asyncio.timeout(10):
        while published < 100:
            published += sum(await asyncio.gather(*(publish_leftovers(pool, publisher, list) for _ in range(3))))

    assert (alive, published) == (0, 100)
    assert await events(local) == {"c": list(range(1, 101))}
    await producer.stop()
    await pool.close()
