"""Reads that wait: for a version that their caller knows of, or for the end of a claim on what they need.

A read that waits holds no pooled connection. It looks, gives the connection back, and looks again a little later: so
however many wait, those that find what they need are served.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from services.kernel.errors import Aborted, SettlementError
from services.runtime.ground.tables import Connection
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import RESERVE_SECONDS, Edge

POLL_SECONDS = 0.02
WAIT_SECONDS_MAX = 5.0
"""How long a read waits at most, and never longer than its caller does."""


class Versioned(Protocol):
    """What has a version that only grows."""

    @property
    def version(self) -> int: ...


T = TypeVar("T")
V = TypeVar("V", bound=Versioned)


class NotYet(Exception):
    """Raised by a look: what it needs is not there yet. `refusal` is the answer if it does not come in time."""

    def __init__(self, refusal: SettlementError) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


def new_enough(found: V, min_version: int, told: str = "the newest version is") -> V:
    """What was found, if it is at `min_version` or later; STALE_VERSION if that version does not come in time."""
    if found.version < min_version:
        raise NotYet(Aborted("STALE_VERSION", f"{told} {found.version}"))
    return found


@asynccontextmanager
async def reading(
    edge: Edge, context: Context, look: Callable[[Connection], Awaitable[T]], seconds_max: float = WAIT_SECONDS_MAX
) -> AsyncIterator[tuple[Connection, T]]:
    """A connection for the block, and what `look` found on it once it did not say `NotYet` any more."""
    left = context.time_remaining()
    seconds = seconds_max if left is None else min(seconds_max, left - RESERVE_SECONDS)
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        async with edge.read() as connection:
            try:
                found = await look(connection)
            except NotYet as not_yet:
                refusal = not_yet.refusal
            else:
                yield connection, found
                return
        if asyncio.get_running_loop().time() > deadline:
            raise refusal
        await asyncio.sleep(POLL_SECONDS)


async def read_when(
    edge: Edge, context: Context, look: Callable[[Connection], Awaitable[T]], seconds_max: float = WAIT_SECONDS_MAX
) -> T:
    """What `look` finds once it does not say `NotYet` any more."""
    async with reading(edge, context, look, seconds_max) as (_, found):
        return found
