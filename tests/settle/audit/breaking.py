"""Breaking databases in transactions that are rolled back, and asking the auditor inside them, again and again.

The snapshots stay open, and what is put beside them is only renewed where an edit changes it.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import asyncpg

from settle.audit import asking, auditor, beside, walks
from settle.audit.findings import BOOKS, ORDER, SERVICES, Finding, Report
from settle.audit.snapshots import Connection, World, copy, put_beside, roll_up
from settle.audit.unreadable import UNREADABLE
from tests.settle.audit.edits import Statement
from tests.settle.audit.reading import Catalog, Listening, Relation, catalog, reads

STATEMENTS_CACHED = 2_000
"""So many statements a connection keeps prepared: all that the auditor and the edits have."""
Changes: TypeAlias = Mapping[str, Sequence[Statement]]
Ask: TypeAlias = Callable[[World], Awaitable[None]]
Asking: TypeAlias = Callable[[World, Report], Awaitable[None]]


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
    """One check of the auditor, whatever its form, with what it reads."""

    id: str
    ask: Asking
    reads: frozenset[Relation]


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

    async def broken(self, changes: Changes) -> Verdict:
        """Make these changes, by service, ask every check that may see them, and take the changes back."""
        async with AsyncExitStack() as stack:
            for service in SERVICES:
                transaction = self.world[service].transaction()
                await transaction.start()
                stack.push_async_callback(transaction.rollback)
            await self._change(changes)
            return await self._ask(reads(self.catalogs, {
                service: [statement.sql for statement in statements] for service, statements in changes.items()
            }))

    async def asked_all(self) -> Verdict:
        """Ask every check of the databases as they are."""
        return await self._ask(frozenset().union(*(check.reads for check in self.asked)))

    async def _change(self, changes: Changes) -> None:
        for service, statements in changes.items():
            for statement in statements:
                try:
                    status = await self.world[service].execute(statement.sql, *statement.arguments)
                except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as error:
                    raise RefusedByDatabaseError(str(error)) from error
                assert not status.endswith(" 0"), f"changes nothing: {statement.sql}"

    async def _ask(self, touched: frozenset[Relation]) -> Verdict:
        world, report = replace(self.world, unreadable=[]), Report()
        try:
            for table in self.beside:
                if table.reads & touched:
                    touched |= {table.table}
                    await world[table.table.service].execute(f"delete from {table.table.name}")
                    await table.fill(world)
            for check in self.asked:
                if check.reads & touched:
                    await check.ask(world, report)
            report.add(UNREADABLE, world.unreadable)
        except Exception as error:  # noqa: BLE001  # the auditor may not fail: the test says on which edit it did, and how
            return Verdict(report.findings, failed=repr(error))
        return Verdict(report.findings)


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
        yield Breakable(world, catalogs, await _asked(world, catalogs), _beside(catalogs))


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
    found = []
    for check in (*auditor.CHECKS, *auditor.QUIET_CHECKS):
        for service in check.where:
            found.append(Asked(check.id, _of_query(check, service), catalogs[service].read_by(check.sql)))
    for name in (*auditor.CROSS_CHECKS, *(walk.id for walk in walks.WALKS)):
        found.append(await _listened(world, catalogs, name, _of_code(name)))
    return found


def _of_query(check: Any, service: str) -> Asking:
    return lambda world, report: asking.ask(world, check, service, report)


def _of_code(name: str) -> Asking:
    return lambda world, report: auditor.examine(world, report, only=name)


async def _listened(
    world: World, catalogs: Mapping[str, Catalog], name: str, ask: Asking
) -> Asked:
    """A check in Python, with what it was heard to read of the databases as they are."""
    ears: dict[str, Any] = {service: Listening(connection) for service, connection in world.connections.items()}
    await ask(replace(world, connections=ears), Report())
    return Asked(name, ask, reads(catalogs, {service: ear.heard for service, ear in ears.items()}))


def _beside(catalogs: Mapping[str, Catalog]) -> list[Beside]:
    found = []
    for book in BOOKS:
        for table, query in (("audit_settlements", beside.SETTLEMENTS), ("audit_orders", beside.ORDERS)):
            found.append(Beside(Relation(book, table), _copied(query, book, table), catalogs[ORDER].read_by(query)))
        for statement in beside.ROLL_UPS[book]:
            filled = Relation(book, re.findall(r"insert into (\w+)", statement)[0])
            found.append(Beside(filled, _rolled_up(statement, book), catalogs[book].read_by(statement) - {filled}))
    return found


def _copied(query: str, book: str, table: str) -> Ask:
    return lambda world: copy(world, query, book, table)


def _rolled_up(statement: str, book: str) -> Ask:
    return lambda world: roll_up(world, book, statement)
