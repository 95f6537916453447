"""What a caller may use up: bytes and seconds for a body, and a place among the calls under way."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from starlette.requests import ClientDisconnect, Request

from gateway.refusals import HttpRefusal
from services.kernel.errors import InvalidArgument, ResourceExhausted
from services.runtime.rpc.errors import DeadlineExceeded, MessageTooLarge

BODY_SECONDS_MAX = 10.0
PASSED_OVER_BYTES_MAX = 2**22


class Calls:
    """The calls under way; above `most` of them a caller is told to come again."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.under_way = 0

    @contextmanager
    def place(self, held: bool = False) -> Iterator[None]:
        """One place, for as long as the block takes; raises `HttpRefusal`, 429, where there is none. Who has `held` one
        until now gets it."""
        if self.under_way >= self._most and not held:
            raise HttpRefusal(429, ResourceExhausted("OVERLOADED", f"{self._most} calls are under way; try again"))
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1


async def body_of(request: Request, bytes_max: int) -> bytes:
    """The whole body; raises `HttpRefusal`: 413 if it is longer than is taken, 408 if it takes its time.

    A body that is a little too long is read to its end, for who still sends does not hear why he is cut off.
    """
    parts, length = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for part in request.stream():
                length += len(part)
                if length > bytes_max + PASSED_OVER_BYTES_MAX:
                    raise _too_long(bytes_max, {"Connection": "close"})
                if length <= bytes_max:
                    parts.append(part)
    except TimeoutError:
        told = f"the body did not come within {BODY_SECONDS_MAX:.0f} s"
        raise HttpRefusal(408, DeadlineExceeded("DEADLINE_EXCEEDED", told), {"Connection": "close"}) from None
    except ClientDisconnect:
        raise HttpRefusal(400, InvalidArgument("MALFORMED_BODY", "the body ended before its end")) from None
    if length > bytes_max:
        raise _too_long(bytes_max)
    return b"".join(parts)


def _too_long(bytes_max: int, headers: Mapping[str, str] | None = None) -> HttpRefusal:
    return HttpRefusal(413, MessageTooLarge(f"a body may have {bytes_max} bytes"), headers)
