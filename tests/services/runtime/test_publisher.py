"""What leaves a process: in the order of each aggregate, whoever decided it; cleared by what was acknowledged."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import asyncpg
import pytest_asyncio

from services.kernel.ids import partition_of
from services.runtime.ground.records import Outgoing
from services.runtime.ground.settings import Settings
from services.runtime.ground.writing import write
from services.runtime.kafka.publisher import Publisher
from services.runtime.process import Process
from services.runtime.stored import leases, offsets, outbox
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import SERVICE
from tests.services.runtime.mock_cluster import MockCluster
from tests.services.runtime.raw_records import EVENTS, PARTITIONS
from tests.services.runtime.test_lanes import add, events, fetch, process

__all__ = ["process"]
STUCK = next(f"s{n}" for n in range(100) if partition_of(f"s{n}", PARTITIONS) == 0)
FREE = next(f"f{n}" for n in range(100) if partition_of(f"f{n}", PARTITIONS) == 1)


def first_seen(numbers: list[int]) -> list[int]:
    """Without repeats."""
    return list(dict.fromkeys(numbers))


async def calls(process: Process, count: int, key: str = "c") -> None:
    """So many calls, one after the other."""
    for _ in range(count):
        await add(process, str(uuid4()), key=key)


@pytest_asyncio.fixture(loop_scope="session")
async def another(process: Process, local: Settings, until: Until) -> AsyncIterator[Process]:
    """A second process of the service, which holds no partition."""
    running = Process(SERVICE, replace(local))
    await running.start()
    await until(lambda: running._lanes.ready)
    yield running
    await running.stop()


async def test_events_of_two_processes_leave_in_order(
    process: Process, another: Process, local: Settings, cluster: MockCluster, until: Until
) -> None:
    """The one that holds the partition and one that does not decide for the same counter in turns, while the way to
    Kafka is slow: each published what it decided, as fast as it could."""
    await calls(process, 1)
    await calls(another, 1)
    cluster.set_rtt(60)

    for _ in range(15):
        await calls(process, 1)
        await calls(another, 2)
    cluster.set_rtt(0)
    await until(lambda: process._lanes.unpublished + another._lanes.unpublished == 0)

    assert first_seen((await events(local))["c"]) == list(range(1, 48))


async def test_what_a_dead_lane_left_goes_before_what_comes_after_it(
    process: Process, local: Settings, cluster: MockCluster, until: Until
) -> None:
    """Another sweeper has the dead lane's lock: the next session began without its rows, and overtook them (findings:
    test_proto, order_lost_while_another_sweeper_holds_the_dead_lane)."""
    await calls(process, 3)
    cluster.set_rtt(700)
    (lane,) = process._lanes.alive()
    await calls(process, 12)
    sweeper = await asyncpg.connect(local.dsn)
    await sweeper.execute(
        "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and classid = $1 and objid = $2",
        leases.LANE_ALIVE, lane,
    )
    await sweeper.execute("select pg_advisory_lock($1::integer, $2::integer)", leases.LANE_ALIVE, lane)

    await until(lambda: process._lanes.alive() not in ([], [lane]))
    cluster.set_rtt(0)
    await calls(process, 3)
    await until(lambda: process._lanes.unpublished == 0)
    await sweeper.close()

    async def swept() -> bool:
        await process.chores.sweep()
        return not await fetch(local, "select from outbox")

    await until(swept)
    assert first_seen((await events(local))["c"]) == list(range(1, 19))


async def test_rows_of_a_process_that_died_go_before_what_comes_after_them(
    process: Process, local: Settings, until: Until
) -> None:
    """Nobody of this process ever sent them: they are read from the outbox when the next event of theirs is told."""
    await calls(process, 2)
    await until(lambda: process._lanes.unpublished == 0)
    dead = await asyncpg.connect(local.dsn)
    async with dead.transaction():
        await dead.execute("insert into lanes values (900, 0), (901, 0)")
        for lane, number in ((901, 3), (900, 4)):
            headers = [("ce_subject", b"c"), ("ce_sequence", str(number).encode())]
            told = Outgoing(EVENTS, partition_of("c", PARTITIONS), "c", headers, b"")
            await write(dead, outbox.Outlet(lane, 1).save([told]))
        await dead.execute("update counters set version = 4 where id = 'c'")
        await dead.execute("select pg_advisory_lock($1::integer, n) from unnest('{900,901}'::integer[]) n",
                           leases.LANE_ALIVE)

    await calls(process, 2)
    await until(lambda: process._lanes.unpublished == 0)
    await dead.close()

    assert (await events(local))["c"] == [1, 2, 3, 4, 5, 6]


async def test_the_outbox_is_cleared_by_what_was_acknowledged(
    process: Process, local: Settings, cluster: MockCluster, until: Until
) -> None:
    """Rows of a partition without a leader stay, rows around them go; what was acknowledged is in Kafka once (findings:
    test_proto, leaderless)."""
    await calls(process, 1, STUCK)
    await calls(process, 1, FREE)
    await until(lambda: process._lanes.unpublished == 0)
    cluster.set_leader(EVENTS, 0, -1)

    for _ in range(5):
        await calls(process, 1, STUCK)
        await calls(process, 2, FREE)

    async def left() -> list[str]:
        return [row[0] for row in await fetch(local, "select key from outbox order by lane_id, seq")]

    async def only_stuck() -> bool:
        return await left() == [STUCK] * 5

    await until(only_stuck)
    await process.chores.sweep()
    waiting = process._lanes.unpublished
    cluster.set_leader(EVENTS, 0, 1)
    await until(lambda: process._lanes.unpublished == 0)

    async def cleared() -> bool:
        return await left() == []

    await until(cleared)
    told = await events(local)
    assert waiting == 5
    assert (first_seen(told[STUCK]), told[FREE]) == (list(range(1, 7)), list(range(1, 12)))
    (floor,) = await fetch(local, "select cleared_seq from lanes where lane_id = $1", process._lanes.alive()[0])
    assert floor[0] == 17


async def test_a_session_begins_beside_what_cannot_be_delivered(
    local: Settings, cluster: MockCluster, until: Until
) -> None:
    """A dead lane left a record for a partition without a leader: no session ever began (findings: test_proto,
    session_never_begins_beside_an_undeliverable_leftover)."""
    cluster.set_leader(EVENTS, 0, -1)
    dead = await asyncpg.connect(local.dsn)
    await write(dead, outbox.Outlet(9_999, 1).save([Outgoing(EVENTS, 0, STUCK, [("ce_subject", STUCK.encode()),
                                                                  ("ce_sequence", b"1")], b"")]))
    await dead.close()
    running = Process(SERVICE, replace(local, producer_stall_seconds=3.0, idle_session_timeout_seconds=2.0))
    await running.start()
    began = time.monotonic()

    await until(lambda: running._lanes.ready)
    await asyncio.wait_for(add(running, str(uuid4()), key=FREE), 2)
    assert time.monotonic() - began < 3
    cluster.set_leader(EVENTS, 0, 1)

    async def swept() -> bool:
        return not await fetch(local, "select from outbox")

    await until(swept)
    await running.stop()
    assert await events(local) == {STUCK: [1], FREE: [1]}


async def test_whoever_tells_an_event_reads_no_backlog_of_others(process: Process, local: Settings) -> None:
    """20,000 records of another lane wait behind a partition without a leader: of them only those of the aggregate are
    read, where each batch read all."""
    connection, backlog, lane_id = await asyncpg.connect(local.dsn), 20_000, 99
    headers = [("ce_type", b"t"), ("ce_sequence", b"1")]
    rows = [Outgoing(EVENTS, 0, f"waits{number}", headers, b"") for number in range(backlog)]
    rows[backlog // 2] = Outgoing(EVENTS, 0, STUCK, headers, b"")
    await connection.execute("insert into lanes (lane_id) values ($1)", lane_id)
    await connection.execute("select pg_advisory_lock($1::integer, $2::integer)", leases.LANE_ALIVE, lane_id)
    await write(connection, outbox.Outlet(lane_id, 1).save(rows))
    await connection.execute("set enable_seqscan = off")

    async with connection.transaction():
        _, behind = await offsets.save(connection, "t", {}, 1, [STUCK, FREE], events=EVENTS)
        found = await outbox.earlier(connection, 1, EVENTS, [STUCK, FREE])
        read = await connection.fetchval("""
            select sum(pg_stat_get_xact_tuples_returned(c) + pg_stat_get_xact_tuples_fetched(c))
            from unnest(array['outbox'::regclass, 'outbox_pkey', 'outbox_events']) c""")
    await connection.close()

    assert behind
    assert [row.record.key for row in found] == [STUCK]
    assert read < 50


class _Kafka:
    """A producer whose records are acknowledged at once."""

    def submit(self, record: Outgoing, done: Callable[[], None]) -> None:
        done()


class _Gone:
    """A pool without a connection; counts who asked for one."""

    asked = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[None]:
        self.asked += 1
        raise ConnectionError("gone")
        yield


async def test_what_could_not_be_cleared_is_cleared_in_the_next_round() -> None:
    """PostgreSQL was away for a moment: the rows would be published again and again by whoever finds them."""
    pool = _Gone()
    publisher = Publisher(_Kafka(), pool)  # type: ignore[arg-type]  # as much of both as it needs
    publisher.put(1, 1, [Outgoing(EVENTS, 0, FREE, [], b"")])

    for _ in range(3):
        await publisher.clear()

    assert (publisher.unpublished, pool.asked) == (0, 3)
