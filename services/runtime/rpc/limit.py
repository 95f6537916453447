"""The time that a call has where its caller gave it none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.runtime.rpc.errors import DeadlineExceeded


@asynccontextmanager
async def limit(seconds: float) -> AsyncIterator[None]:
    """The time that the block has at most; any other time-out is an outage and passes."""
    try:
        async with asyncio.timeout(seconds) as timeout:
            yield
    except TimeoutError:
        if not timeout.expired():
            raise
        told = "the call took longer than a call without a deadline may"
        raise DeadlineExceeded("DEADLINE_EXCEEDED", told) from None
