"""Reads that wait: for a version that their caller knows of, or for the end of a claim on what they need.

A read that waits holds no pooled connection. It looks, gives the connection back, and looks again when this process
commits a change of what it waits for, or a little later: so however many wait, those that find what they need are
served.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Protocol, TypeVar

from services.kernel.errors import Aborted, SettlementError
from services.runtime.ground.tables import Connection
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge, usable
from services.runtime.rpc.errors import passes
from services.runtime.rpc.places import check_served, ends_with_server, may_wait

POLL_SECONDS_MIN, POLL_SECONDS_MAX = 0.02, 0.5
"""How long until it looks again by itself, for another process may have committed: twice as long each time."""
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
    edge: Edge, context: Context, look: Callable[[Connection], Awaitable[T]], seconds_max: float = WAIT_SECONDS_MAX,
    key: str = "",
) -> AsyncIterator[tuple[Connection, T]]:
    """A connection for the block, and what `look` found on it once it did not say `NotYet` any more.

    `key` is that of the row whose change it waits for. Where so many wait that this call cannot, it looks once.
    """
    left = context.time_remaining()
    seconds = seconds_max if left is None else min(seconds_max, usable(left))
    deadline = asyncio.get_running_loop().time() + seconds
    wait_seconds = POLL_SECONDS_MIN
    refusal: SettlementError | None = None
    with edge.changes(key) as changed:
        while True:
            changed.clear()
            async with AsyncExitStack() as stack:
                try:
                    connection = await stack.enter_async_context(edge.read())
                    found = await look(connection)
                except NotYet as not_yet:
                    refusal = not_yet.refusal
                except Exception as error:  # who waits hears what it waits for, and of nothing that passes
                    if refusal is None or not passes(error):
                        raise
                else:
                    yield connection, found
                    return
            assert refusal is not None
            left_seconds = deadline - asyncio.get_running_loop().time()
            if left_seconds <= 0 or not may_wait():
                raise refusal
            with suppress(TimeoutError):
                async with asyncio.timeout(min(wait_seconds, left_seconds)) as timeout:
                    with ends_with_server(timeout):
                        await changed.wait()
            check_served()
            wait_seconds = min(2 * wait_seconds, POLL_SECONDS_MAX)


async def read_when(
    edge: Edge, context: Context, look: Callable[[Connection], Awaitable[T]], seconds_max: float = WAIT_SECONDS_MAX,
    key: str = "",
) -> T:
    """What `look` finds once it does not say `NotYet` any more."""
    async with reading(edge, context, look, seconds_max, key) as (_, found):
        return found
