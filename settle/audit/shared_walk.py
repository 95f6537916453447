"""The walks of a large engine in several processes: each opens the same snapshots and takes range after range."""

import asyncio
import gc
import itertools
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from services.runtime.ground.values import settle_in
from settle.audit import walks
from settle.audit.findings import Report
from settle.audit.snapshots import World, export, open_part
from settle.audit.walks import IDS, KINDS, Range

RANGE = 4_000
"""How many aggregates a process takes at a time."""
SHARED_MIN = 20_000
"""Fewer aggregates than these are walked before other processes would have started."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a process needs to walk a range."""

    dsns: Mapping[str, str]
    exported: Mapping[str, str]
    quiet: bool
    chain_key: bytes
    range: Range


async def count(world: World) -> int:
    """How many aggregates there are to walk."""
    counts = [
        await world[service].fetchval(f"select count(*) from {IDS[service][of]}")
        for service, of in KINDS if walks.walks_of(service, of)
    ]
    return sum(counts)


async def parts_of(world: World, dsns: Mapping[str, str]) -> list[Part]:
    """The whole in ranges; to be asked before anything else is under way on these snapshots."""
    exported = await export(world)
    return [
        Part(dsns, exported, world.quiet, world.chain_key, range_)
        for service, of in KINDS if walks.walks_of(service, of) for range_ in await _ranges(world, service, of)
    ]


async def walk(parts: Sequence[Part], processes: int, walked: Callable[[int], None]) -> Report:
    """Everything that the walks find in these parts."""
    report = Report()
    spawned = multiprocessing.get_context("spawn")  # a fork would share gRPC's threads and asyncio's loop
    with ProcessPoolExecutor(processes, spawned, _settle_in) as pool:
        loop = asyncio.get_running_loop()
        for done in asyncio.as_completed([loop.run_in_executor(pool, walk_part, part) for part in parts]):
            found = await done
            report.take(found)
            walked(sum(found.looked.values()))
    return report


def walk_part(part: Part) -> Report:
    """One range, in the process that was given it; what is left of it in circles goes with it."""
    report = asyncio.run(_walk_part(part))
    gc.collect()
    return report


def _settle_in() -> None:
    """Values make no circles: looking for some while a range is walked took 3 % of its time."""
    settle_in()
    gc.disable()


async def _walk_part(part: Part) -> Report:
    report = Report()
    async with open_part(part.dsns, part.quiet, part.exported, part.chain_key) as world:
        await walks.walk_range(world, part.range, report, walks.walks_of(part.range.service, part.range.of))
    return report


async def _ranges(world: World, service: str, of: str) -> list[Range]:
    rows = await world[service].fetch(
        f"""select id from (select id, row_number() over (order by id) no from {IDS[service][of]}) r
            where no % {RANGE} = 0 order by id"""
    )
    bounds = ["", *(row["id"] for row in rows), ""]
    return [Range(service, of, after, until) for after, until in itertools.pairwise(bounds)]
