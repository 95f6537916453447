"""How a check is asked of snapshots: what it cannot read is left out and told, and its answer goes into the report."""

from collections.abc import Awaitable, Callable, Sequence

import asyncpg

from settle.audit import unreadable
from settle.audit.causes import CAUSES
from settle.audit.findings import EXAMPLES_MAX, Check, Finding, Report
from settle.audit.snapshots import Connection, World, left_out


async def ask_all(world: World, checks: Sequence[Check], service: str, report: Report) -> None:
    """One after the other, for a snapshot lives on one connection; the services answer beside each other."""
    for check in checks:
        await ask(world, check, service, report)


async def ask(world: World, check: Check, service: str, report: Report) -> None:
    """Ask one check of one service's snapshot, and take what it answers into the report."""
    try:
        rows = await _found(world[service], check)
    except asyncpg.PostgresError as error:
        try:
            await left_out(world, service, error)
            rows = await _found(world[service], check)
        except asyncpg.PostgresError as still:  # of no row that could be named
            if unreadable.is_fault(still, world[service]):
                raise
            report.add(check.id, [])
            report.add(unreadable.UNREADABLE, [unreadable.finding(service, check.id, "an answer", still)])
            return
    findings = [
        Finding(
            check.id, service, str(row["key"]), str(row["expected"]), str(row["actual"]),
            cause=check.cause or CAUSES.get(check.id, ""),
        )
        for row in rows
    ]
    report.add(check.id, findings, rows[0]["total"] if rows else 0)


async def _found(connection: Connection, check: Check) -> Sequence[asyncpg.Record]:
    """Materialized, for else the limit would have PostgreSQL plan for the first rows, which a clean book does not
    have."""
    async with unreadable.set_back(connection):
        return await connection.fetch(
            f"""with found (key, expected, actual) as materialized ({check.sql})
                select key, expected, actual, (select count(*) from found) total from found limit {EXAMPLES_MAX}"""
        )


async def ask_across(
    world: World, name: str, cross: Callable[[World], Awaitable[list[Finding]]], report: Report
) -> None:
    """Ask a check of all services together, and take what it answers into the report."""
    try:
        async with unreadable.set_back(*world.connections.values()):
            found = await cross(world)
    except Exception as error:  # whatever a row that should not be there does to it: it is told
        if unreadable.is_fault(error, *world.connections.values()):
            raise
        found = []
        report.add(unreadable.UNREADABLE, [unreadable.finding("engine", name, "an answer", error)])
    report.add(name, found)
