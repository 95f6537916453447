"""PostgreSQL: how lanes and readers connect, what an error means, and what became of a commit nobody heard of.

A lane's connection is its own, never pooled: the advisory locks on it are its partitions (RELIABILITY 4.1). The
server-side time-outs below free them when the process is paused or gone.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from enum import StrEnum
from typing import Any, TypeAlias

import asyncpg

from services.kernel.errors import Defect, InvalidArgument, ResourceExhausted, Unavailable
from services.runtime.ground import metrics
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection

# asyncpg asks an abstract base class about every element of every array that we bind: we bind plain types (D20).
asyncpg.protocol.protocol.IterableABC = (list, tuple, range, set, frozenset)  # type: ignore[attr-defined]
IDLE_IN_TRANSACTION_SECONDS = 10
CONNECT_SECONDS = 7.0
OPERATORS_CONNECTIONS = 2
"""So many of a process's pooled connections are for its operators alone."""
ACTIONS_CONNECTIONS = 4
"""So many are for its actions: what they read is a row, or a page of a list."""
RESOLVE_SECONDS = 60.0
"""How long the outcome of a commit is asked for before it stays unknown."""



class Phase(StrEnum):
    """Where in a transaction an error appeared."""

    STATEMENT = "statement"
    COMMIT = "commit"


class Fault(StrEnum):
    """What an error of PostgreSQL means for the work it hit.

    TRANSIENT: rolled back, may pass if tried again. LOST: rolled back, and the connection is gone. DATA: rolled back,
    and will be again. UNKNOWN: it may have been committed; read back before anything else.
    """

    TRANSIENT = "transient"
    LOST = "lost"
    DATA = "data"
    UNKNOWN = "unknown"


_LOST_STATES = frozenset({"57P01", "57P02", "57P05", "25P03"})
CONNECTION_ERRORS = (
    OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError, TimeoutError,
)
"""What asyncpg raises, besides `PostgresError`, when a connection is not usable (any more)."""
_TRANSIENT_STATES = frozenset({"40001", "40P01", "55P03", "57014", "57P03"})
_TRANSIENT_CLASSES = frozenset({"53", "58"})
_DATA_CLASS = "22"
"""PostgreSQL's class of errors that lie in the data: out of range, not of the type's form."""


def fault_of(error: BaseException, phase: Phase = Phase.STATEMENT) -> Fault:
    """The one classifier (B2, B5). Beyond RELIABILITY's list, a full disk (53), an I/O error (58), a cancelled
    statement and a lock not had are transient too: else one such minute would park every message."""
    if isinstance(error, asyncpg.DataError):
        return Fault.DATA
    state = str(getattr(error, "sqlstate", "") or "")
    lost = isinstance(error, (*CONNECTION_ERRORS, asyncio.CancelledError))
    if lost or state in _LOST_STATES or state.startswith("08"):
        return Fault.UNKNOWN if phase is Phase.COMMIT else Fault.LOST
    if state in _TRANSIENT_STATES or state[:2] in _TRANSIENT_CLASSES:
        return Fault.TRANSIENT
    return Fault.DATA


def lies_in_the_server(error: BaseException) -> bool:
    """Whether it is PostgreSQL that lacks something (disk, memory, connections, its start), so that any message meets
    it: such a fault says nothing of the one that met it."""
    state = str(getattr(error, "sqlstate", "") or "")
    return state[:2] in _TRANSIENT_CLASSES or state == "57P03"


def unstorable(error: BaseException) -> InvalidArgument | None:
    """The refusal of data that no column, no message holds; None for every other error.

    The last net: the domain refuses such data with reasons of its own before it comes to this.
    """
    if isinstance(error, asyncpg.DataError) or str(getattr(error, "sqlstate", "") or "").startswith(_DATA_CLASS):
        amount = "range" in str(error)
        return InvalidArgument(
            "INVALID_AMOUNT" if amount else "INVALID_ARGUMENT", "it leads to data that cannot be kept"
        )
    if isinstance(error, (ValueError, OverflowError)) and "out of range" in str(error):
        return InvalidArgument("INVALID_AMOUNT", "it leads to an amount that cannot be told")
    return None


class DatabaseUnavailable(ConnectionError):
    """PostgreSQL does not answer, or does not let this service in."""


async def check_database(settings: Settings) -> str:
    """The role as which the service logs in; raises `DatabaseUnavailable` if its database cannot be used now, with a
    message that names no password."""
    try:
        connection = await asyncpg.connect(settings.dsn, timeout=CONNECT_SECONDS)
    except (ValueError, asyncpg.PostgresError, *CONNECTION_ERRORS) as error:
        why = str(error) or f"no answer within {CONNECT_SECONDS:.0f} s"
        raise DatabaseUnavailable(f"no database at {place_of(settings.dsn)}: {why}") from error
    try:
        return str(await connection.fetchval("select current_user"))
    finally:
        await connection.close()


def place_of(dsn: str) -> str:
    """Host, port and database of a DSN, without who and with which password."""
    return dsn.partition("?")[0].partition("://")[2].rpartition("@")[2] or "SETTLE_DSN"


async def connect_lane(settings: Settings) -> Connection:
    """A lane's own connection. `enable_seqscan=off`: plans prepared on empty tables must not outlive them. One plan for
    all: what a small batch asks looks cheaper under a plan of its own, and is planned again each time, for more."""
    connection = await asyncpg.connect(
        settings.dsn, timeout=10, statement_cache_size=settings.pg_statement_cache,
        server_settings=_server_settings(settings) | {
            "idle_session_timeout": _milliseconds(settings.idle_session_timeout_seconds),
            "enable_seqscan": "off",
            "plan_cache_mode": "force_generic_plan",
        },
    )
    try:
        await _prepare(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


def _server_settings(settings: Settings) -> dict[str, str]:
    return {
        "application_name": f"settle/{settings.service}",
        "client_connection_check_interval": "500",
        "idle_in_transaction_session_timeout": _milliseconds(IDLE_IN_TRANSACTION_SECONDS),
        "statement_timeout": _milliseconds(settings.statement_seconds_max),
        "default_transaction_isolation": "read committed",
        "synchronous_commit": "on",
        "jit": "off",
        "timezone": "UTC",
    }


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


async def _prepare(connection: Any) -> None:  # Any: a pool hands out a proxy of a connection
    await connection.set_type_codec("json", schema="pg_catalog", format="binary", encoder=bytes, decoder=bytes)
    isolation, replica, commit = await connection.fetchrow(
        """select current_setting('transaction_isolation'), pg_is_in_recovery(),
                  current_setting('synchronous_commit')"""
    )
    if (isolation, replica, commit) != ("read committed", False, "on"):
        raise Defect(f"unsafe connection: {isolation}, replica={replica}, synchronous_commit={commit}")


async def server_life(connection: Connection) -> str:
    """What changes when the server restarts or recovers from a crash; ask once per connection."""
    life: str = await connection.fetchval(
        "select pg_postmaster_start_time()::text || '/' || pg_stat_get_bgwriter_stat_reset_time()::text"
    )
    return life


async def commit_outcome(settings: Settings, xid: str, life: str) -> bool:
    """Whether the transaction is known to have committed; False if it was rolled back, or if nobody can say (B2).

    After a crash PostgreSQL may give the number of a lost transaction to another one, so its status counts only
    within the `server_life` in which it began. On False the caller does the work again under the same message ids:
    what had committed is found in the inbox.
    """
    deadline = time.monotonic() + RESOLVE_SECONDS
    while time.monotonic() < deadline:
        with suppress(*CONNECTION_ERRORS, asyncpg.PostgresError):
            connection = await asyncpg.connect(settings.dsn, timeout=10)
            try:
                if await server_life(connection) != life:
                    return False
                status = await connection.fetchval("select pg_xact_status($1::text::xid8)", xid)
                if status != "in progress":
                    return bool(status == "committed")
            finally:
                connection.terminate()
        await asyncio.sleep(0.1)
    return False


class Pool:
    """Some of the pooled connections, with a first-in-first-out queue of bounded length and wait in front (B3, B4)."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", turns: int, waiting_max: int, seconds_max: float) -> None:
        self._pool = pool
        self._seconds_max = seconds_max
        self._waiting_max = waiting_max
        self._turns = asyncio.Semaphore(turns)
        self.waiting = 0

    @asynccontextmanager
    async def acquire(self, admitted: bool = False) -> AsyncIterator[Connection]:
        """A connection for the block; RESOURCE_EXHAUSTED if too many wait, UNAVAILABLE if the wait is too long.

        Who was `admitted` before, and is counted elsewhere, only queues.
        """
        if self._turns.locked() and self.waiting >= self._waiting_max and not admitted:
            metrics.REJECTED.labels("readers").inc()
            raise ResourceExhausted("OVERLOADED", "too many readers wait for the database")
        self.waiting += 1
        try:
            async with asyncio.timeout(self._seconds_max):
                await self._turns.acquire()
        except TimeoutError:
            raise Unavailable("OVERLOADED", "no database connection became free in time") from None
        finally:
            self.waiting -= 1
        try:
            async with self._pool.acquire(timeout=self._seconds_max) as connection:
                yield connection  # type: ignore[misc]  # the proxy behaves as the connection
        finally:
            self._turns.release()

    async def close(self) -> None:
        """Close all connections, at once if they do not end by themselves."""
        try:
            await asyncio.wait_for(self._pool.close(), 5)
        except TimeoutError:
            self._pool.terminate()


async def connect_owner(settings: Settings) -> Connection:
    """A connection of the role that owns the tables, for a job that takes its time."""
    connection: Connection = await asyncpg.connect(settings.owner_dsn or settings.dsn, timeout=10)
    await _prepare(connection)
    return connection


Reading: TypeAlias = Callable[[], AbstractAsyncContextManager[Connection]]
"""A kept connection for the block: to open one costs more than most of what is read on it."""


class Pools(Pool):
    """The pool of a process: itself for those who read, with turns set apart that no reader takes.

    `operators` is for the operators' calls; `own` for what the process does for itself (timers, clearing, sweeps,
    what waiting calls see and leave), in which nobody ever waits for somebody else's turn; `actions` for what is read
    before the outside world is called.
    """

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", settings: Settings) -> None:
        seconds_max, waiting_max = settings.pool_seconds_max, settings.pool_waiting_max
        super().__init__(pool, settings.pool_connections_max, waiting_max, seconds_max)
        self.operators = Pool(pool, OPERATORS_CONNECTIONS, waiting_max, seconds_max)
        own = own_connections(settings)
        self.own = Pool(pool, own, own, seconds_max)
        self.actions = Pool(pool, ACTIONS_CONNECTIONS, settings.actions_concurrent_max, seconds_max)


def own_connections(settings: Settings) -> int:
    """How many connections a process needs for itself: each lane for its timers; the process for clearing, its sweep,
    the look for steps, the answers to be kept, the bounds, the clock, what is undeliverable and what is republished."""
    return settings.lanes + 8


async def open_pool(settings: Settings) -> Pools:
    """The pool of a process, for reads and for small writes that hold no session lock; it grows as it is needed."""
    shared = settings.pool_connections_max + OPERATORS_CONNECTIONS + ACTIONS_CONNECTIONS
    pool = await asyncpg.create_pool(
        settings.dsn, min_size=1, max_size=shared + own_connections(settings), init=_prepare, timeout=10,
        command_timeout=settings.statement_seconds_max + 1, statement_cache_size=settings.pg_statement_cache,
        server_settings=_server_settings(settings), reset=_as_it_is,
    )
    return Pools(pool, settings)


async def _as_it_is(connection: object) -> None:
    """Give a connection back without a round trip to PostgreSQL, which asyncpg else makes each time: what was open is
    rolled back by then, and nobody sets, locks or listens for longer than a transaction on these."""
