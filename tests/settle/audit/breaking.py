"""Breaking databases in transactions that are rolled back, and asking the auditor inside them, again and again."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg

from settle.audit import auditor, beside
from settle.audit.findings import SERVICES, Finding, Report
from settle.audit.snapshots import Connection, World, put_beside
from tests.settle.audit.edits import Statement

STATEMENTS_CACHED = 2_000
"""So many statements a connection keeps prepared: all that the auditor and the edits have."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the auditor says of databases that were broken: its findings, or how it failed itself."""

    findings: Sequence[Finding]
    failed: str = ""

    @property
    def checks(self) -> frozenset[str]:
        """The checks that found something."""
        return frozenset(finding.check for finding in self.findings)


class RefusedByDatabaseError(Exception):
    """The edit cannot be made: a key is there twice, or a value is out of its type."""


@dataclass(frozen=True, slots=True)
class Breakable:
    """The snapshots of all databases, open for writing."""

    world: World

    async def broken(self, changes: Mapping[str, Sequence[Statement]]) -> Verdict:
        """Make these changes, by service, ask every check, and take the changes back."""
        async with AsyncExitStack() as stack:
            for service in SERVICES:
                transaction = self.world[service].transaction()
                await transaction.start()
                stack.push_async_callback(transaction.rollback)
            await self._change(changes)
            return await self._asked()

    async def _change(self, changes: Mapping[str, Sequence[Statement]]) -> None:
        for service, statements in changes.items():
            for statement in statements:
                try:
                    await self.world[service].execute(statement.sql, *statement.arguments)
                except asyncpg.IntegrityConstraintViolationError as error:
                    raise RefusedByDatabaseError(str(error)) from error

    async def _asked(self) -> Verdict:
        report = Report()
        try:
            for service in SERVICES:
                await _emptied(self.world[service])
            await put_beside(self.world)
            await auditor.examine(self.world, report)
        except Exception as error:  # whatever it is: the auditor may not fail, and the test says on which edit it did
            return Verdict(report.findings, failed=_first(error))
        return Verdict(report.findings)


def _first(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return repr(error)


async def _emptied(connection: Connection) -> None:
    for row in await connection.fetch(
        "select tablename from pg_tables where schemaname like 'pg_temp%' and tablename like 'audit%'"
    ):
        await connection.execute(f"delete from {row['tablename']}")


@asynccontextmanager
async def breakable(dsns: Mapping[str, str]) -> AsyncIterator[Breakable]:
    """All databases in transactions that are rolled back in the end. Their own constraints would refuse many edits;
    the auditor must not rely on them."""
    async with AsyncExitStack() as stack:
        connections = {}
        for service in SERVICES:
            connection = connections[service] = await asyncpg.connect(
                dsns[service], statement_cache_size=STATEMENTS_CACHED, max_cached_statement_lifetime=0,
                server_settings={"jit": "off", "timezone": "UTC"},
            )
            stack.push_async_callback(connection.close)
            transaction = connection.transaction()
            await transaction.start()
            stack.push_async_callback(transaction.rollback)
            await connection.execute("set local session_replication_role = replica")
            for statement in beside.OF_BOOK.get(service, ()):
                await connection.execute(statement)
            await _loosen(connection)
        yield Breakable(World(connections, quiet=True))


async def _loosen(connection: Connection) -> None:
    for row in await connection.fetch(
        """select conrelid::regclass::text as table, conname as name from pg_constraint
           where contype = 'c' and connamespace = 'public'::regnamespace"""
    ):
        await connection.execute(f"alter table {row['table']} drop constraint {row['name']}")
