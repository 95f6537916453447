"""The audit itself: waits for quiet, takes the snapshots, asks every check, counts what it finds."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import grpc

from settle.audit import (
    accepted,
    accounts,
    agreed,
    agreements,
    asking,
    cards,
    chains,
    clearing,
    company,
    dispute_outcomes,
    four_eyes,
    gone,
    journals,
    keeping,
    merchants,
    orders,
    rail_list,
    record,
    sagas,
    seals,
    sequences,
    shared_walk,
    unfinished,
    unreadable,
    walks,
)
from settle.audit.changed import Place, age, changed, places_of, why_not
from settle.audit.findings import SERVICES, Check, Finding, Report
from settle.audit.folds import claims, redeemers, redemptions
from settle.audit.joins import payouts
from settle.audit.joins import walked as joins
from settle.audit.provenance import walked as provenance
from settle.audit.quiet import snapshots_of_quiet, under_way
from settle.audit.snapshots import World, put_beside
from settle.audit.states import open_work

CHECKS: Sequence[Check] = (
    *journals.CHECKS, *accounts.CHECKS, *agreements.CHECKS, *company.CHECKS, *cards.CHECKS, *merchants.CHECKS,
    *orders.CHECKS, *orders.COORDINATOR, *sagas.CHECKS, *sequences.CHECKS, *unfinished.CHECKS, *provenance.CHECKS,
    *joins.CHECKS, *chains.CHECKS, *redeemers.CHECKS, *seals.CHECKS, *keeping.CHECKS, *record.CHECKS,
    *dispute_outcomes.CHECKS, *agreed.CHECKS, *redemptions.CHECKS,
)
QUIET_CHECKS: Sequence[Check] = (*unfinished.QUIET, *orders.QUIET, *cards.QUIET, *joins.QUIET)
CROSS_CHECKS: Mapping[str, Callable[[World], Awaitable[list[Finding]]]] = {
    clearing.CLEARING: clearing.clearing,
    four_eyes.FOUR_EYES: four_eyes.four_eyes, chains.CHAIN_KEYS: chains.chain_keys, **joins.CROSS, **open_work.CROSS,
    claims.CLAIMED: claims.claimed, dispute_outcomes.FOUR_EYES: dispute_outcomes.four_eyes,
    **seals.CROSS, **accepted.CROSS,
}
BALANCED = frozenset({payouts.PAYOUTS})
"""The cross checks that read the balances beside the books."""
WAIT_SECONDS = 15.0
STUCK = "unfinished.stuck"
_FIGURES = {"settlements": "saga_records", "journals": "journals", "events": "events", "answers": "inbox"}


async def audit(
    dsns: Mapping[str, str], wait_seconds: float = WAIT_SECONDS, strict: bool = False, acquirer: str = "",
    chain_key: bytes = b"",
) -> Report:
    """Check everything, with the list of the `acquirer` at this address if one is named. `strict` demands that
    nothing is under way once `wait_seconds` have passed; without it, what is under way is noted, and only what did
    not move at all in that time counts as stuck. Chains are under the `chain_key`."""
    report, _ = await audit_since(dsns, Asked(wait_seconds, strict, acquirer, chain_key))
    return report


@dataclass(frozen=True, slots=True)
class Asked:
    """How an audit is to be made: as `audit` says; of what was walked before and has not changed `since`, walks spare
    themselves the trouble, and no row of `held` may be gone; for the next time, it may be `placed`. A large engine is
    walked in so many `processes`; `told` hears what is done, of how much. An acquirer that speaks TLS is called with
    `credentials`."""

    wait_seconds: float = WAIT_SECONDS
    strict: bool = False
    acquirer: str = ""
    chain_key: bytes = b""
    since: Mapping[str, Place] = field(default_factory=dict)
    held: Mapping[str, Place] = field(default_factory=dict)
    placed: bool = False
    processes: int = 1
    credentials: grpc.ChannelCredentials | None = None
    told: Callable[[int, int], None] = lambda done, of: None


async def audit_since(dsns: Mapping[str, str], asked: Asked) -> tuple[Report, Mapping[str, Place]]:
    """The verdict, and where the databases stood when it was found, if that was asked for."""
    began = time.monotonic()
    report = Report()
    first = await under_way(dsns)
    async with snapshots_of_quiet(dsns, asked.wait_seconds) as (connections, left):
        world = World(connections, asked.strict or not left, asked.chain_key)
        places = await places_of(world) if asked.placed else {}
        report.add(gone.GONE, await gone.gone(world, asked.held))
        await _examine_since(world, dsns, asked, report)
        if asked.acquirer:
            await rail_list.compare_with(world, asked.acquirer, report, asked.credentials)
        await _note(world, report)
    stuck = sorted(first & left) if asked.wait_seconds and not asked.strict else []
    still = f"still there after {asked.wait_seconds:.0f} s"
    report.add(STUCK, [Finding(STUCK, "engine", what, expected="moves", actual=still) for what in stuck])
    if left:
        report.notes.append(
            f"{len(left)} settlements or records were under way; what is only true of a quiet engine was not asked"
        )
    report.seconds = time.monotonic() - began
    return report, places


async def _examine_since(world: World, dsns: Mapping[str, str], asked: Asked, report: Report) -> None:
    """What one query answers is asked of everything; what is walked, of what changed, if that can be told."""
    chosen = await _chosen(world, asked.since, report)
    if chosen is not None:
        ages = {service: await age(world[service], since) for service, since in asked.since.items()}
        await _ask_beside(replace(world, ages=ages), report)
        await walks.walk_chosen(world, report, chosen)
        return
    total, done = await shared_walk.count(world), 0

    def walked(count: int) -> None:
        nonlocal done
        done += count
        asked.told(done, total)

    if asked.processes > 1 and total >= shared_walk.SHARED_MIN:
        parts = await shared_walk.parts_of(world, dsns)
        async with asyncio.TaskGroup() as both:
            walking = both.create_task(shared_walk.walk(parts, asked.processes, walked))
            both.create_task(_ask_beside(world, report))
        report.take(walking.result())
    else:
        await _ask_beside(world, report)
        await walks.walk_all(world, report, walked=walked)


async def _ask_beside(world: World, report: Report) -> None:
    """What is asked of everything, once what it reads is put beside the books; walks in other processes go on
    meanwhile, for they read none of that."""
    await put_beside(world)
    await ask_everything(world, report)


async def _chosen(
    world: World, since: Mapping[str, Place], report: Report
) -> Mapping[tuple[str, str], Collection[str]] | None:
    """What is to be walked; None if it is everything."""
    if not since:
        return None
    whys = [f"{service}: {why}" for service in SERVICES if (why := await why_not(world[service], since[service]))]
    chosen = None if whys else await changed(world, since)
    if chosen is None:
        report.notes.append(f"everything was looked at, for {'; '.join(whys) or 'more changed than is worth telling'}")
    else:
        report.since = min(place.at for place in since.values())
    return chosen


async def examine(world: World, report: Report, only: str = "") -> None:
    """Ask every check and walk of these snapshots, or `only` the one of this id. What cannot be read is told, and is no
    check's business any more."""
    await ask_everything(world, report, only)
    await walks.walk_all(world, report, only)


async def ask_everything(world: World, report: Report, only: str = "") -> None:
    """Every check that is asked of everything at once."""
    checks = [check for check in (*CHECKS, *(QUIET_CHECKS if world.quiet else ())) if only in ("", check.id)]
    async with asyncio.TaskGroup() as together:
        for service in SERVICES:
            asked = [check for check in checks if service in check.where]
            together.create_task(asking.ask_all(world, asked, service, report))
    for name, cross in CROSS_CHECKS.items():
        if only in ("", name):
            await asking.ask_across(world, name, cross, report)
    report.add(unreadable.UNREADABLE, world.unreadable)


async def _note(world: World, report: Report) -> None:
    """What is no violation, but worth a person's eye; and how much was looked at."""
    for service in SERVICES:
        parked = await world[service].fetch(
            "select reason, count(*) count from parked where state = 'PARKED' group by reason order by reason"
        )
        report.notes += [
            f"{service}: {row['count']} parked with {row['reason']}; see `settle parked list`" for row in parked
        ]
        report.notes += await chains.notes(world, service)
        for name, table in _FIGURES.items():
            count = await world[service].fetchval(f"select count(*) from {table}")
            report.figures[name] = report.figures.get(name, 0) + count
