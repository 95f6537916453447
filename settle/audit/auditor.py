"""The audit itself: waits for quiet, takes the snapshots, asks every check, counts what it finds."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import asyncpg

from settle.audit import (
    accounts,
    agreements,
    cards,
    clearing,
    company,
    four_eyes,
    journals,
    merchants,
    orders,
    rail_list,
    sagas,
    sequences,
    unfinished,
    unreadable,
    walks,
)
from settle.audit.findings import EXAMPLES_MAX, SERVICES, Check, Finding, Report
from settle.audit.folds import claims
from settle.audit.quiet import snapshots_of_quiet, under_way
from settle.audit.snapshots import Connection, World, left_out, put_beside

CHECKS: Sequence[Check] = (
    *journals.CHECKS, *accounts.CHECKS, *agreements.CHECKS, *company.CHECKS, *cards.CHECKS, *merchants.CHECKS,
    *orders.CHECKS, *orders.COORDINATOR, *sagas.CHECKS, *sequences.CHECKS, *unfinished.CHECKS,
)
QUIET_CHECKS: Sequence[Check] = (*unfinished.QUIET, *orders.QUIET, *cards.QUIET)
CROSS_CHECKS: Mapping[str, Callable[[World], Awaitable[list[Finding]]]] = {
    clearing.CLEARING: clearing.clearing, clearing.CONSOLIDATED: clearing.consolidated,
    four_eyes.FOUR_EYES: four_eyes.four_eyes, claims.CLAIMED: claims.claimed,
}
WAIT_SECONDS = 15.0
STUCK = "unfinished.stuck"
_FIGURES = {"settlements": "saga_records", "journals": "journals", "events": "events", "answers": "inbox"}


async def audit(
    dsns: Mapping[str, str], wait_seconds: float = WAIT_SECONDS, strict: bool = False, acquirer: str = ""
) -> Report:
    """Check everything, with the list of the `acquirer` at this address if one is named. `strict` demands that
    nothing is under way once `wait_seconds` have passed; without it, what is under way is noted, and only what did
    not move at all in that time counts as stuck."""
    began = time.monotonic()
    report = Report()
    first = await under_way(dsns)
    async with snapshots_of_quiet(dsns, wait_seconds) as (connections, left):
        world = World(connections, quiet=strict or not left)
        await put_beside(world)
        await examine(world, report)
        if acquirer:
            await rail_list.compare_with(world, acquirer, report)
        await _note(world, report)
    stuck = sorted(first & left) if wait_seconds and not strict else []
    still = f"still there after {wait_seconds:.0f} s"
    report.add(STUCK, [Finding(STUCK, "engine", what, expected="moves", actual=still) for what in stuck])
    if left:
        report.notes.append(
            f"{len(left)} settlements or records were under way; what is only true of a quiet engine was not asked"
        )
    report.seconds = time.monotonic() - began
    return report


async def examine(world: World, report: Report, only: str = "") -> None:
    """Ask every check of these snapshots, or `only` the one of this id. What cannot be read is told, and is no check's
    business any more."""
    checks = [check for check in (*CHECKS, *(QUIET_CHECKS if world.quiet else ())) if only in ("", check.id)]
    async with asyncio.TaskGroup() as together:
        for service in SERVICES:
            asked = [check for check in checks if service in check.where]
            together.create_task(_ask_all(world, asked, service, report))
    for name, cross in CROSS_CHECKS.items():
        if only in ("", name):
            await _ask_across(world, name, cross, report)
    await walks.walk_all(world, report, only)
    report.add(unreadable.UNREADABLE, world.unreadable)


async def _ask_all(world: World, checks: Sequence[Check], service: str, report: Report) -> None:
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
        Finding(check.id, service, str(row["key"]), str(row["expected"]), str(row["actual"]), cause=check.cause)
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


async def _ask_across(
    world: World, name: str, cross: Callable[[World], Awaitable[list[Finding]]], report: Report
) -> None:
    try:
        async with unreadable.set_back(*world.connections.values()):
            found = await cross(world)
    except Exception as error:  # whatever a row that should not be there does to it: it is told
        if unreadable.is_fault(error, *world.connections.values()):
            raise
        found = []
        report.add(unreadable.UNREADABLE, [unreadable.finding("engine", name, "an answer", error)])
    report.add(name, found)


async def _note(world: World, report: Report) -> None:
    """What is no violation, but worth a person's eye; and how much was looked at."""
    for service in SERVICES:
        parked = await world[service].fetch(
            "select reason, count(*) count from parked where state = 'PARKED' group by reason order by reason"
        )
        report.notes += [
            f"{service}: {row['count']} parked with {row['reason']}; see `settle parked list`" for row in parked
        ]
        for name, table in _FIGURES.items():
            count = await world[service].fetchval(f"select count(*) from {table}")
            report.figures[name] = report.figures.get(name, 0) + count
