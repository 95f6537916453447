"""The time that a call has where its caller gave it none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from services.runtime.rpc.closing import Closing, gone
from services.runtime.rpc.errors import DeadlineExceeded


@asynccontextmanager
async def limit(seconds: float | None, closing: Closing | None = None) -> AsyncIterator[None]:
    """The time that the block has at most (None: any), none once this end has begun; any other time-out is an outage
    and passes."""
    try:
        async with asyncio.timeout(seconds) as timeout:
            with nullcontext() if closing is None else closing.ends(timeout):
                yield
    except TimeoutError:
        if not timeout.expired():
            raise
        if closing is not None and closing.begun:
            raise gone() from None
        told = "the call took longer than a call without a deadline may"
        raise DeadlineExceeded("DEADLINE_EXCEEDED", told) from None
