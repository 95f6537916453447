"""What an error of PostgreSQL means, what becomes of a commit, and how connections are given out."""

import asyncio
import random
import re
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from services.kernel.errors import ResourceExhausted, Unavailable
from services.runtime.ground.postgres import (
    ACTIONS_CONNECTIONS,
    OPERATORS_CONNECTIONS,
    Fault,
    Phase,
    Pool,
    commit_outcome,
    connect_lane,
    fault_of,
    open_pool,
    own_connections,
    server_life,
)
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.stored import leases
from tests.services.runtime.conftest import Postgres, Until

LOST = (
    FileNotFoundError(), ConnectionRefusedError(), ConnectionResetError(), TimeoutError(),
    asyncpg.ConnectionDoesNotExistError("x"), asyncpg.InterfaceError("x"), asyncpg.AdminShutdownError("57P01"),
    asyncpg.CrashShutdownError("57P02"), asyncpg.IdleSessionTimeoutError("57P05"),
    asyncpg.IdleInTransactionSessionTimeoutError("25P03"), asyncpg.ConnectionFailureError("08006"),
    asyncpg.InvalidCachedStatementError("x"), asyncpg.InternalClientError("x"),
)
TRANSIENT = (
    asyncpg.SerializationError("40001"), asyncpg.DeadlockDetectedError("40P01"), asyncpg.CannotConnectNowError("57P03"),
    asyncpg.QueryCanceledError("57014"), asyncpg.DiskFullError("53100"), asyncpg.TooManyConnectionsError("53300"),
    asyncpg.LockNotAvailableError("55P03"),
)
DATA = (
    asyncpg.UniqueViolationError("23505"), asyncpg.CheckViolationError("23514"),
    asyncpg.NumericValueOutOfRangeError("22003"),
    asyncpg.DataError("invalid input for query argument"), ValueError("a defect"), asyncpg.UndefinedTableError("42P01"),
)

BROKEN = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


@pytest.mark.parametrize("error", LOST, ids=lambda e: type(e).__name__)
async def test_b5_a_lost_connection_is_unknown_only_in_commit(error: Exception) -> None:
    """Before the commit nothing can have been committed; in it, anything can."""
    assert [fault_of(error, phase) for phase in Phase] == [Fault.LOST, Fault.UNKNOWN]


@pytest.mark.parametrize("error", TRANSIENT, ids=lambda e: type(e).__name__)
async def test_b5_a_transient_error_was_rolled_back(error: Exception) -> None:
    """Also in the commit: PostgreSQL itself answered."""
    assert [fault_of(error, phase) for phase in Phase] == [Fault.TRANSIENT] * 2


@pytest.mark.parametrize("error", DATA, ids=lambda e: type(e).__name__)
async def test_b5_anything_else_lies_in_the_data(error: Exception) -> None:
    """Trying again would fail again."""
    assert [fault_of(error, phase) for phase in Phase] == [Fault.DATA] * 2


async def test_d5_d7_lane_and_pool_connections_are_as_promised(settings: Settings) -> None:
    """READ COMMITTED, synchronous commits, time-outs that free a lane's partitions, whatever the server sets (4.1)."""
    other = await asyncpg.connect(settings.dsn)
    database = settings.dsn.rpartition("/")[2]
    for unsafe in ("default_transaction_isolation to serializable", "synchronous_commit to off", "jit to on"):
        await other.execute(f'alter database "{database}" set {unsafe}')
    await other.close()
    lane, pool = await connect_lane(settings), await open_pool(settings)
    names = (
        "transaction_isolation", "synchronous_commit", "client_connection_check_interval",
        "idle_in_transaction_session_timeout",
        "statement_timeout", "jit",
    )
    wanted = ["read committed", "on", "500ms", "10s", "10s", "off"]

    async with pool.acquire() as pooled:
        assert [await lane.fetchval(f"show {name}") for name in names] == wanted
        assert [await pooled.fetchval(f"show {name}") for name in names] == wanted
        assert await lane.fetchval("show idle_session_timeout") == "10s"
        assert await lane.fetchval("select '{\"a\": 1}'::json") == b'{"a": 1}'
        assert await pooled.fetchval("select $1::json ->> 'a'", b'{"a": 1}') == "1"
    lane.terminate()
    await pool.close()


async def kill_in_commit(connection: Connection, killer: Connection, before: bool) -> str:
    """Write a row and lose the connection just before, or just after, the server commits; answers the xid."""
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("insert into written values (1)")
    xid: str = await connection.fetchval("select pg_current_xact_id()::text")
    if before:
        await killer.execute("select pg_terminate_backend($1)", connection.get_server_pid())
        with pytest.raises(BROKEN) as caught:
            await transaction.commit()
        assert fault_of(caught.value, Phase.COMMIT) is Fault.UNKNOWN
    else:
        await transaction.commit()
    return xid


@pytest.mark.parametrize("before", [True, False], ids=["rolled back", "committed"])
async def test_b2_an_unknown_commit_is_read_back(settings: Settings, before: bool) -> None:
    """The verdict is what the database holds."""
    lane, killer = await connect_lane(settings), await connect_lane(settings)
    await lane.execute("create table written (id integer primary key)")
    life = await server_life(lane)

    xid = await kill_in_commit(lane, killer, before)

    committed = await commit_outcome(settings, xid, life)
    assert committed is await killer.fetchval("select exists (select from written)")
    assert committed is not before
    lane.terminate()
    killer.terminate()


async def test_b2_after_a_crash_a_transaction_number_proves_nothing(settings: Settings, postgres: Postgres) -> None:
    """PostgreSQL may give the number of a lost transaction to another one, so the answer is that nobody knows."""
    lane = await connect_lane(settings)
    life = await server_life(lane)
    await lane.execute("create table written (id integer primary key)")
    xid: str = await lane.fetchval("select pg_current_xact_id()::text")

    assert await commit_outcome(settings, xid, life) is True
    await asyncio.to_thread(postgres.stop)
    await asyncio.to_thread(postgres.start)

    assert await commit_outcome(settings, xid, life) is False
    lane.terminate()


async def test_a_connection_comes_back_to_the_pool_as_it_is(settings: Settings) -> None:
    """Without a question to PostgreSQL, which each reading paid for as much as for its own; what was left open is
    rolled back."""
    pool, asked = await open_pool(replace(settings, pool_connections_max=1)), []
    async with pool._pool.acquire() as connection:
        connection.add_query_logger(lambda record: asked.append(record.query))

    async with pool.acquire() as connection:
        await connection.fetchval("select 1")
    read = list(asked)
    async with pool.acquire() as connection:
        await connection.execute("begin; create table left_open ()")
    async with pool.acquire() as connection:
        assert await connection.fetchval("select to_regclass('left_open')") is None

    assert read == ["select 1"]
    await pool.close()


async def test_b3_a_cancel_storm_leaks_no_connection(settings: Settings) -> None:
    """300 readers cancelled anywhere; afterwards the pool is whole."""
    pool = await open_pool(replace(settings, pool_connections_max=4))
    chance = random.Random(2)

    async def read() -> None:
        async with pool.acquire() as connection, connection.transaction():
            await connection.fetchval("select pg_sleep(0.002)")

    tasks = [asyncio.create_task(read()) for _ in range(250)]
    for task in tasks:
        asyncio.get_running_loop().call_later(chance.random() * 0.1, task.cancel)
    await asyncio.wait(tasks, timeout=10)

    assert all(task.done() for task in tasks)
    await asyncio.wait_for(asyncio.gather(*(read() for _ in range(8))), 5)
    assert pool.waiting == 0
    assert pool._pool.get_idle_size() == pool._pool.get_size()
    await pool.close()


async def hold(pool: Pool, order: list[int], number: int) -> None:
    """Use a connection for a moment and note when it was one's turn."""
    async with pool.acquire() as connection:
        order.append(number)
        await connection.fetchval("select pg_sleep(0.005)")


async def test_b4_readers_are_served_in_the_order_they_came(settings: Settings) -> None:
    """At 10:1 load nobody starves: turns are taken first in, first out."""
    pool = await open_pool(replace(settings, pool_connections_max=2))
    order: list[int] = []
    async with pool.acquire(), pool.acquire():  # who waits until a connection is opened is overtaken meanwhile
        pass

    await asyncio.gather(*(hold(pool, order, number) for number in range(100)))

    assert all(abs(turn - number) <= 2 for turn, number in enumerate(order))
    await pool.close()


async def test_b4_too_many_readers_are_turned_away_at_once(settings: Settings, until: Until) -> None:
    """The queue is bounded in length and in time, and says so with different statuses."""
    pool = await open_pool(replace(settings, pool_connections_max=1, pool_waiting_max=1, pool_seconds_max=0.2))
    async with pool.acquire():
        waiting = asyncio.create_task(hold(pool, [], 1))
        await until(lambda: pool.waiting == 1)

        with pytest.raises(ResourceExhausted):
            await hold(pool, [], 2)
        with pytest.raises(Unavailable):
            await waiting

    await pool.close()


async def test_who_was_admitted_before_only_queues(settings: Settings, until: Until) -> None:
    """However many wait: it gets its turn. And where turns are free, nobody needs a place in the queue."""
    pool = await open_pool(replace(settings, pool_connections_max=1, pool_waiting_max=0))
    async with pool.acquire():
        with pytest.raises(ResourceExhausted):
            await hold(pool, [], 1)

        async def admitted() -> int:
            async with pool.acquire(admitted=True) as connection:
                return int(await connection.fetchval("select 1"))

        waiting = asyncio.create_task(admitted())
        await until(lambda: pool.waiting == 1)

    assert await waiting == 1
    await pool.close()


async def test_no_reader_takes_the_turns_of_operators_or_of_the_process(settings: Settings) -> None:
    """With all readers' connections out, each of the others gets at once all that is set apart for it (findings:
    readers_kill), and so do actions."""
    pool = await open_pool(replace(settings, pool_connections_max=3, pool_seconds_max=0.5))
    async with AsyncExitStack() as stack:
        turns = [pool] * 3 + [pool.operators] * OPERATORS_CONNECTIONS + [pool.own] * own_connections(settings)
        turns += [pool.actions] * ACTIONS_CONNECTIONS
        for each in turns:
            connection = await stack.enter_async_context(each.acquire())
            assert await connection.fetchval("select 1") == 1

        with pytest.raises(Unavailable):
            await hold(pool, [], 1)

    await pool.close()


async def test_a10_a_dead_owner_gives_its_partitions_up_at_once(settings: Settings, until: Until) -> None:
    """The lock dies with the connection: no session time-out to wait for."""
    owner, heir = await connect_lane(settings), await connect_lane(settings)
    assert await leases.gain(owner, "t", range(4)) == [0, 1, 2, 3]
    assert await leases.gain(heir, "t", range(4)) == []
    loop = asyncio.get_running_loop()
    died_at = loop.time()

    owner.terminate()

    async def inherited() -> bool:
        return len(await leases.gain(heir, "t", [3])) == 1

    await until(inherited)
    assert loop.time() - died_at < 2
    heir.terminate()


async def test_a8_a11_a_paused_owner_is_cut_off_by_the_server(settings: Settings, until: Until) -> None:
    """A blocked loop, or a stopped process, says nothing; past the time-out its locks move and it cannot commit."""
    paused = await connect_lane(replace(settings, idle_session_timeout_seconds=0.5))
    heir = await connect_lane(settings)
    await leases.gain(paused, "t", [0])

    async def inherited() -> bool:
        return len(await leases.gain(heir, "t", [0])) == 1

    await until(inherited)

    with pytest.raises(BROKEN) as caught:
        await paused.execute("select 1")
    assert fault_of(caught.value) is Fault.LOST
    paused.terminate()
    heir.terminate()


async def test_a8_a_stall_inside_a_transaction_is_cut_off_too(settings: Settings, until: Until) -> None:
    """Then the commit fails, and is known to have failed when it is read back."""
    lane = await connect_lane(settings)
    await lane.execute("set idle_in_transaction_session_timeout = 300")
    life = await server_life(lane)
    transaction = lane.transaction()
    await transaction.start()
    xid: str = await lane.fetchval("select pg_current_xact_id()::text")
    await until(lane.is_closed)

    with pytest.raises(BROKEN) as caught:
        await transaction.commit()

    assert fault_of(caught.value, Phase.COMMIT) is Fault.UNKNOWN
    assert await commit_outcome(settings, xid, life) is False
    lane.terminate()


ON_THEIR_OWN = {
    "services/runtime/stored/leases.py": "a lane's", "services/runtime/stored/republications.py": "a lane's",
    "services/runtime/nightly.py": "the owner's",
}
"""Who locks for a session, and whose connection that is."""
_OF_A_SESSION = re.compile(r"pg_(?:try_)?advisory_lock\b|set_config\(|\bset session\b|add_listener", re.IGNORECASE)


def test_d6_nothing_of_a_session_is_left_on_a_pooled_connection() -> None:
    """It would stay there for whoever comes next: a lock, a setting, a subscription."""
    found = {str(file) for file in Path("services").rglob("*.py") if _OF_A_SESSION.search(file.read_text())}

    assert found == ON_THEIR_OWN.keys()


async def test_arrays_are_bound_as_plain_columns(settings: Settings) -> None:
    """What is no list, tuple, range or set is refused before it is sent; if it passes, asyncpg asks others (D20)."""
    connection = await connect_lane(settings)
    try:
        for column in (["a", None, "c"], ("a", "b"), ["[1]", "{}"]):
            assert await connection.fetchval("select $1::text[]", column) == list(column)
        assert await connection.fetchval("select $1::integer[]", range(3)) == [0, 1, 2]
        with pytest.raises(asyncpg.DataError):
            await connection.fetchval("select $1::integer[]", {1: 2}.values())
    finally:
        await connection.close()
