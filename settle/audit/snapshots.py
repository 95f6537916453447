"""Consistent views of the engine's databases: read-only, REPEATABLE READ, the coordinator's first.

The settlements that are terminal in the coordinator's snapshot are copied beside the books, whose snapshots are taken
later: what is terminal there has ended here, so the comparison is exact while the engine runs.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import asyncpg

from settle.audit import beside, spread, unreadable
from settle.audit.findings import BOOKS, ORDER, SERVICES, Finding
from settle.audit.spread import Copied
from settle.audit.unreadable import is_fault, leave_out, set_back, shadows

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
PAGE_ROWS, COPIED_ROWS = 1_000, 2_000
SETTINGS = {
    "jit": "off", "work_mem": "128MB", "temp_buffers": "64MB", "max_parallel_workers_per_gather": "0",
    "timezone": "UTC", "application_name": "settle/audit",
}
_BESIDE = "select tablename from pg_tables where schemaname like 'pg_temp%' and tablename like 'audit%'"


@dataclass(frozen=True, slots=True)
class World:
    """The snapshots by service; `quiet` says that nothing was under way when they were taken; chains are under the
    `chain_key`."""

    connections: Mapping[str, Connection]
    quiet: bool
    chain_key: bytes = b""
    unreadable: list[Finding] = field(default_factory=list)
    """What was found to be unreadable while the world was made."""
    ages: Mapping[str, int] = field(default_factory=dict)
    """By service, how many transactions old the last clean run is, if only what changed since is looked at."""
    shared: dict[object, Any] | None = None
    """What was read already of a slice that several walks look at; None: each reads for itself. Any: of many types."""

    def __getitem__(self, service: str) -> Connection:
        return self.connections[service]


@asynccontextmanager
async def open_snapshots(dsns: Mapping[str, str]) -> AsyncIterator[Mapping[str, Connection]]:
    """Snapshots of all databases, the coordinator's first, with room beside each for what its checks read."""
    async with AsyncExitStack() as stack:
        connections = {}
        for service in (ORDER, *BOOKS):
            connections[service] = await stack.enter_async_context(_snapshot(dsns[service], beside.OF_BOOK[service]))
        yield connections


@asynccontextmanager
async def open_world(dsns: Mapping[str, str], quiet: bool, chain_key: bytes = b"") -> AsyncIterator[World]:
    """Snapshots, and beside each book what its checks read; chains are under the key."""
    async with open_snapshots(dsns) as connections:
        world = World(connections, quiet, chain_key)
        await put_beside(world)
        yield world


@asynccontextmanager
async def open_part(
    dsns: Mapping[str, str], quiet: bool, exported: Mapping[str, str], chain_key: bytes
) -> AsyncIterator[World]:
    """The same snapshots again, as another process exported them, without anything beside them."""
    async with AsyncExitStack() as stack:
        yield World({
            service: await stack.enter_async_context(_snapshot(dsns[service], (shadows(service),), exported[service]))
            for service in SERVICES
        }, quiet, chain_key)


async def export(world: World) -> dict[str, str]:
    """The names under which other processes open these snapshots, as long as they stand."""
    return {service: await world[service].fetchval("select pg_export_snapshot()") for service in SERVICES}


async def connect(dsn: str, tables: tuple[str, ...], **settings: str) -> Connection:
    """A session of the auditor, with these temporary tables."""
    connection = await asyncpg.connect(dsn, timeout=10, server_settings=SETTINGS | settings)
    try:
        for statement in tables:
            await connection.execute(statement)
    except BaseException:
        connection.terminate()
        raise
    return connection


@asynccontextmanager
async def _snapshot(dsn: str, tables: tuple[str, ...], exported: str = "") -> AsyncIterator[Connection]:
    connection = await connect(dsn, tables)
    try:
        async with snapshot_of(connection, exported):
            yield connection
    finally:
        connection.terminate()


@asynccontextmanager
async def snapshot_of(connection: Connection, exported: str = "") -> AsyncIterator[None]:
    """A read-only transaction with one snapshot, the exported one if it is named."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        if exported:
            await connection.execute(f"set transaction snapshot '{exported}'")
        await connection.fetchval("select 1")  # the snapshot is taken by the first statement
        yield


async def pages(
    connection: Connection, query: str, *given: object, most: int = PAGE_ROWS
) -> AsyncIterator[list[asyncpg.Record]]:
    """The rows that a query answers, at most so many at a time: memory stays flat, however many there are."""
    cursor = await connection.cursor(query, *given)
    while rows := await cursor.fetch(most):
        yield rows


async def put_beside(world: World) -> None:
    """Sum the entries of the books, spread their lists, and copy the coordinators' view beside them; a row that cannot
    be read is left out, and told."""
    async with asyncio.TaskGroup() as both:  # not gather: the other must have ended before its connection closes
        for service in BOOKS:
            both.create_task(_roll_up(world, service))
    for copied in (spread.SETTLEMENTS, spread.REDEMPTIONS, *((spread.ORDERS,) if world.quiet else ())):
        await copy(world, copied, BOOKS)
        for service in BOOKS:
            await world[service].execute(f"analyze {copied.table}")


async def _roll_up(world: World, service: str) -> None:
    for statement in beside.ROLL_UPS[service]:
        await roll_up(world, service, statement)
    for table in await world[service].fetch(_BESIDE):
        await world[service].execute(f"analyze {table['tablename']}")


async def roll_up(world: World, service: str, statement: str) -> None:
    """Fill a table beside a book by one of its `ROLL_UPS`."""
    try:
        async with set_back(world[service]):
            await world[service].execute(statement)
    except asyncpg.PostgresError as error:
        await left_out(world, service, error)
        await world[service].execute(statement)


async def copy(world: World, copied: Copied, books: Sequence[str]) -> None:
    """Fill a table beside these books with what a coordinator has for each; a row that cannot be read is told."""
    async for page in pages(world[copied.of], copied.query, most=COPIED_ROWS):
        spread_: dict[str, list[tuple[object, ...]]] = {book: [] for book in books}
        for row in page:
            try:
                for book, each in copied.spread(row):
                    if book in spread_:
                        spread_[book].append(each)
            except spread.UNREADABLE as error:
                what = f"{copied.source} {row['id']}"
                world.unreadable.append(unreadable.finding(copied.of, what, "a row that can be read", error))
        for book, records in spread_.items():
            await world[book].copy_records_to_table(copied.table, columns=copied.columns, records=records)


async def left_out(world: World, service: str, error: Exception) -> None:
    """Leave out the rows of a service that made this error, and tell of them; raises it if it is none of a row's."""
    if is_fault(error, *world.connections.values()):
        raise error
    found = await leave_out(world[service], service)
    if not found:
        raise error
    world.unreadable.extend(found)
