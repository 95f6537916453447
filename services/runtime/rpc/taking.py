"""What a stream says, taken by its reader in time. Nothing waits here but one answer: gRPC takes the next when its
reader made room.

The status of a stream comes behind its answers, so a reader hears it when he reads on, however late; we do not wait for
that.
"""

import asyncio
from typing import Any, NoReturn

import grpc

from services.kernel.errors import SettlementError, Unavailable
from services.runtime.rpc.errors import abort_with

HEARD_SECONDS = 1.0
"""So long a call is under way for its reader to take its status; after that gRPC keeps it for him by itself."""

Context = grpc.aio.ServicerContext[Any, Any]


async def write(context: Context, packed: bytes, seconds: float) -> None:
    """Say one answer; UNAVAILABLE if its reader does not take it in so many seconds."""
    try:
        async with asyncio.timeout(seconds) as wait:
            await context.write(packed)
    except TimeoutError:
        if not wait.expired():
            raise
        raise not_taken(seconds) from None


def not_taken(seconds: float) -> Unavailable:
    """What a reader hears, behind what he left lying for so many seconds."""
    return Unavailable("UNAVAILABLE", f"no answer was taken for {seconds:.0f} s, so the stream ended; come again")


async def end_with(context: Context, error: SettlementError) -> NoReturn:
    """End the stream with the status of an error, by gRPC's own exception."""
    try:
        async with asyncio.timeout(HEARD_SECONDS):
            await abort_with(context, error)
    except TimeoutError:
        told = "the status waits for its reader"
        raise grpc.aio.AbortError(told) from None
    raise grpc.aio.AbortError
