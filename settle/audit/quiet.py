"""Whether anything is under way: settlements, records that are not published, notices that are not acknowledged."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from settle.audit.findings import SERVICES
from settle.audit.snapshots import Connection, open_snapshots

LOOK_SECONDS = 0.25
_UNDER_WAY = """
select 'settlement ' || s.id what from timers t join sagas s on s.id = t.key
where t.kind = 'saga' and s.phase not in ('DONE', 'ABORTED', 'FROZEN')
union all select 'record ' || lane_id || '/' || seq from outbox
union all select 'notice ' || id from notices
"""


@asynccontextmanager
async def snapshots_of_quiet(
    dsns: Mapping[str, str], seconds: float
) -> AsyncIterator[tuple[Mapping[str, Connection], set[str]]]:
    """Snapshots of all services in which nothing is under way, and else, once so many seconds have passed, what is.

    They are looked at themselves: a late repetition may come after all was quiet, and before they are taken.
    """
    deadline = time.monotonic() + seconds
    while True:
        await wait_for_quiet(dsns, deadline)
        async with open_snapshots(dsns) as connections:
            left = await _under_way_in(connections)
            if not left or time.monotonic() >= deadline:
                yield connections, left
                return
        await asyncio.sleep(LOOK_SECONDS)


async def wait_for_quiet(dsns: Mapping[str, str], deadline: float) -> None:
    """Wait until nothing is under way, at most until the deadline, an instant of the monotonic clock."""
    while time.monotonic() < deadline and await under_way(dsns):
        await asyncio.sleep(LOOK_SECONDS)


async def under_way(dsns: Mapping[str, str]) -> set[str]:
    """What is under way now, as it is told."""
    async with AsyncExitStack() as stack:
        connections = {}
        for service in SERVICES:
            connections[service] = await asyncpg.connect(dsns[service], timeout=10)
            stack.push_async_callback(connections[service].close)
        return await _under_way_in(connections)


async def _under_way_in(connections: Mapping[str, Connection]) -> set[str]:
    return {
        f"{service} {row['what']}"
        for service, connection in connections.items() for row in await connection.fetch(_UNDER_WAY)
    }
