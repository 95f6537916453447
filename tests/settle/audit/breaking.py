"""Breaking databases in transactions that are rolled back, and asking the auditor inside them, again and again.

The snapshots stay open, and what is put beside them is only renewed where an edit changes it.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

import asyncpg

from settle.audit import asking, auditor, beside, spread, walks
from settle.audit.findings import BOOKS, SERVICES, Check, Finding, Report, Walk
from settle.audit.snapshots import Connection, World, copy, put_beside, roll_up
from settle.audit.spread import Copied
from settle.audit.unreadable import UNREADABLE
from settle.audit.walks import IDS, Range
from tests.settle.audit.edits import Row, Statement, tables
from tests.settle.audit.reading import Catalog, Listening, Relation, catalog, reads
from tests.settle.audit.touching import Kinds, Names

STATEMENTS_CACHED = 2_000
"""So many statements a connection keeps prepared: all that the auditor and the edits have."""
Changes: TypeAlias = Mapping[str, Sequence[Statement]]
Ask: TypeAlias = Callable[[World], Awaitable[None]]
Asking: TypeAlias = Callable[[World, Report, Collection[str] | None], Awaitable[None]]
"""Asks a check; a walk of these aggregates, of all if there is no such choice."""


_REFUSALS = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, asyncpg.ProgramLimitExceededError)


class RefusedByDatabaseError(Exception):
    """The edit cannot be made: a key is there twice, or a value is out of its type."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the auditor says of databases that were broken: its findings, or how it failed itself."""

    findings: Sequence[Finding]
    failed: str = ""

    @property
    def checks(self) -> frozenset[str]:
        """The checks that found something."""
        return frozenset(finding.check for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Asked:
    """One check of the auditor, whatever its form, with what it reads; a walk is over a kind of aggregates."""

    id: str
    ask: Asking
    reads: frozenset[Relation]
    of: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Beside:
    """A table that is put beside a book: how it is filled, and from what."""

    table: Relation
    fill: Ask
    reads: frozenset[Relation]


@dataclass(frozen=True, slots=True)
class Breakable:
    """The snapshots of all databases, open for writing, and all that the auditor asks of them."""

    world: World
    catalogs: Mapping[str, Catalog]
    asked: Sequence[Asked]
    beside: Sequence[Beside]
    names: Names

    async def broken(self, changes: Changes, rows: Sequence[Row] = ()) -> Verdict:
        """Make these changes, by service, ask every check that may see them, and take the changes back. Of walks only
        those aggregates are walked that the changed `rows` name; all, if none are given."""
        touched = reads(self.catalogs, {
            service: [statement.sql for statement in statements] for service, statements in changes.items()
        })
        chosen = self.names.touched(rows) if rows else None
        quick = replace(self.world, connections={
            service: cast(Connection, Quick(connection)) for service, connection in self.world.connections.items()
        })
        verdict = await self._broken(quick, changes, touched, chosen)
        if verdict.failed or UNREADABLE in verdict.checks:
            return await self._broken(self.world, changes, touched, chosen)
        return verdict

    async def asked_all(self) -> Verdict:
        """Ask every check of the databases as they are."""
        return await self._broken(self.world, {}, frozenset().union(*(check.reads for check in self.asked)), None)

    async def _broken(
        self, world: World, changes: Changes, touched: frozenset[Relation], chosen: Kinds | None
    ) -> Verdict:
        async with AsyncExitStack() as stack:
            for service in SERVICES:
                await stack.enter_async_context(taken_back(self.world[service]))
            await self._change(changes)
            return await self._ask(replace(world, unreadable=[]), touched, chosen)

    async def _change(self, changes: Changes) -> None:
        for service, statements in changes.items():
            for statement in statements:
                try:
                    status = await self.world[service].execute(statement.sql, *statement.arguments)
                except _REFUSALS as error:
                    raise RefusedByDatabaseError(str(error)) from error
                assert not status.endswith(" 0"), f"changes nothing: {statement.sql}"

    async def _ask(self, world: World, touched: frozenset[Relation], chosen: Kinds | None) -> Verdict:
        report = Report()
        try:
            for table in self.beside:
                if table.reads & touched:
                    touched |= {table.table}
                    await world[table.table.service].execute(f"delete from {table.table.name}")
                    await table.fill(world)
            for check in self.asked:
                if check.reads & touched:
                    await check.ask(world, report, None if chosen is None else chosen.get(check.of))
            report.add(UNREADABLE, world.unreadable)
        except Exception as error:  # noqa: BLE001  # the auditor may not fail: a test says on what
            return Verdict(report.findings, failed=repr(error))
        return Verdict(report.findings)


@asynccontextmanager
async def taken_back(connection: Connection) -> AsyncIterator[None]:
    """Whatever is done inside is undone. asyncpg's own rollback keeps the savepoint, and each change would be made one
    level deeper: some thousands of them hold all locks that a server has."""
    await connection.execute("savepoint taken_back")
    try:
        yield
    finally:
        await connection.execute("rollback to taken_back; release taken_back")


class Quick:
    """A connection on which a transaction inside another is none: after an error, all is asked again without it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:  # whatever the connection has
        return getattr(self._connection, name)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Nothing: what is asked inside fails for good."""
        yield


@asynccontextmanager
async def breakable(dsns: Mapping[str, str]) -> AsyncIterator[Breakable]:
    """All databases in transactions that are rolled back in the end. Their own constraints would refuse many edits;
    the auditor must not rely on them."""
    async with AsyncExitStack() as stack:
        connections: dict[str, Connection] = {}
        for service in SERVICES:
            connections[service] = await stack.enter_async_context(_opened(dsns[service], service))
        world = World(connections, quiet=True)
        await put_beside(world)
        catalogs = {service: await catalog(connection, service) for service, connection in connections.items()}
        names = Names(await tables(connections))
        yield Breakable(world, catalogs, await _asked(world, catalogs), _beside(catalogs), names)


@asynccontextmanager
async def _opened(dsn: str, service: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(
        dsn, statement_cache_size=STATEMENTS_CACHED, max_cached_statement_lifetime=0,
        server_settings={"jit": "off", "timezone": "UTC"},
    )
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("set local session_replication_role = replica")
        for statement in beside.OF_BOOK.get(service, ()):
            await connection.execute(statement)
        await loosen(connection)
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


async def loosen(connection: Connection) -> None:
    """Drop the database's own constraints, which would refuse many violations; the auditor must not rely on them."""
    for row in await connection.fetch(
        """select conrelid::regclass::text as table, conname as name from pg_constraint
           where contype = 'c' and connamespace = 'public'::regnamespace"""
    ):
        await connection.execute(f"alter table {row['table']} drop constraint {row['name']}")


# -- what is asked, and what is put beside


async def _asked(world: World, catalogs: Mapping[str, Catalog]) -> list[Asked]:
    found = [
        Asked(check.id, _of_query(check, service), catalogs[service].read_by(check.sql))
        for check in (*auditor.CHECKS, *auditor.QUIET_CHECKS) for service in check.where
    ]
    for name in auditor.CROSS_CHECKS:
        ask = _of_code(name)
        found.append(Asked(name, ask, await _heard(world, catalogs, ask)))
    for walk in walks.WALKS:
        ask = _of_walk(walk)
        found.append(Asked(walk.id, ask, await _heard(world, catalogs, ask), (walk.service, walk.of)))
    return found


def _of_query(check: Check, service: str) -> Asking:
    return lambda world, report, _: asking.ask(world, check, service, report)


def _of_code(name: str) -> Asking:
    return lambda world, report, _: asking.ask_across(world, name, auditor.CROSS_CHECKS[name], report)


def _of_walk(walk: Walk) -> Asking:
    async def ask(world: World, report: Report, ids: Collection[str] | None) -> None:
        if ids is None:
            await walks.walk_range(world, Range(walk.service, walk.of), report, [walk])
        elif ids:
            query = f"select id from {IDS[walk.service][walk.of]} where id = any($1::text[]) order by id"
            if rows := await world[walk.service].fetch(query, sorted(ids)):
                await walks.walk_some(world, walk, [row["id"] for row in rows], report)

    return ask


async def _heard(world: World, catalogs: Mapping[str, Catalog], ask: Asking) -> frozenset[Relation]:
    """What a check in Python is heard to read of the databases as they are, and of which kind it walks."""
    ears: dict[str, Any] = {service: Listening(connection) for service, connection in world.connections.items()}
    await ask(replace(world, connections=ears), Report(), None)
    return reads(catalogs, {service: ear.heard for service, ear in ears.items()})


def _beside(catalogs: Mapping[str, Catalog]) -> list[Beside]:
    found = []
    for book in BOOKS:
        for copied in (spread.SETTLEMENTS, spread.REDEMPTIONS, spread.ORDERS):
            filled = Relation(book, copied.table)
            found.append(Beside(filled, _copied(copied, book), catalogs[copied.of].read_by(copied.query)))
        for statement in beside.ROLL_UPS[book]:
            filled = Relation(book, re.findall(r"insert into (\w+)", statement)[0])
            found.append(Beside(filled, _rolled_up(statement, book), catalogs[book].read_by(statement) - {filled}))
    return found


def _copied(copied: Copied, book: str) -> Ask:
    return lambda world: copy(world, copied, [book])


def _rolled_up(statement: str, book: str) -> Ask:
    return lambda world: roll_up(world, book, statement)
