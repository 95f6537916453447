"""One call of the public API: its answer, or what the engine said instead, by reason."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from random import uniform
from typing import Any

import grpc
import grpc.aio
from google.rpc import error_details_pb2, status_pb2

CALL_SECONDS = 30.0
UNMET_SECONDS_MAX = 6.0
"""So long is tried to reach anybody: processes come back sooner, and a verb says within 10 s that nobody is there."""
RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 0.1, 2.0
_REFUSALS = frozenset({
    grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.PERMISSION_DENIED,
})
_PASSING = frozenset({grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE})
_DETAILS = "grpc-status-details-bin"


class Rejected(Exception):
    """The engine refused for a business reason, which is the text."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Fault(Exception):
    """The engine did not do its part: it gave no answer, found no rest or set messages aside; the text says which."""


class Outage(Fault):
    """The engine itself says that it cannot answer for now: whoever asks again may have an answer."""


async def call(  # Any: generated methods and messages
    method: Any, request: Any, seconds: float = CALL_SECONDS,
    wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Any:
    """The answer of one call; a refusal is `Rejected`, everything else that is no answer is a `Fault`.

    Who is refused because too much is under way, or meets a process that stops or a database that is away, asks again
    under the same request id when it was told to, as long as its time lasts; gRPC's own tries, a few for each channel,
    are not all that a crowd has. Who meets nobody at all gives up sooner.
    """
    began = time.monotonic()
    ends, met = began + seconds, began + min(seconds, UNMET_SECONDS_MAX)
    attempt = 0
    while True:
        try:
            return await method(request, timeout=max(ends - time.monotonic(), 0.0))
        except grpc.aio.AioRpcError as error:
            retry = retry_seconds_of(error)
            away = error.code() is grpc.StatusCode.UNAVAILABLE
            if away:
                retry, attempt = _spread(attempt, retry), attempt + 1
            until = met if away and not reason_of(error) else ends
            if not retry or time.monotonic() + retry >= until:
                raise _meaning(error, request) from error
        await wait(retry)


def _spread(attempt: int, told: float) -> float:
    """When to ask again, in seconds: a crowd that heard the same at the same moment does not come back in one."""
    seconds: float = min(max(told, RETRY_SECONDS_MIN) * 2.0**min(attempt, 5), RETRY_SECONDS_MAX)
    return seconds * uniform(0.5, 1.5)


def _meaning(error: grpc.aio.AioRpcError, request: Any) -> Exception:  # Any: generated messages
    reason = reason_of(error)
    if error.code() in _REFUSALS and reason:
        return Rejected(reason, error.details() or "")
    name = type(request).__name__.removesuffix("Request")
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        return Fault(f"{name} is not built")
    kind = Outage if error.code() is grpc.StatusCode.UNAVAILABLE and reason else Fault
    return kind(f"{name}: {error.code().name} {reason} {error.details()}")


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The reason in the error's `ErrorInfo`, empty if it has none."""
    found = error_details_pb2.ErrorInfo()
    return str(found.reason) if any(detail.Unpack(found) for detail in _details(error)) else ""


def retry_seconds_of(error: grpc.aio.AioRpcError) -> float:
    """When a call that met too much work, or an outage, may be made again, by the error's `RetryInfo`; 0 if it says
    nothing of it."""
    if error.code() not in _PASSING:
        return 0.0
    found = error_details_pb2.RetryInfo()
    told = any(detail.Unpack(found) for detail in _details(error))
    return found.retry_delay.seconds + found.retry_delay.nanos / 1e9 if told else 0.0


def _details(error: grpc.aio.AioRpcError) -> Iterator[Any]:  # Any: messages of any kind
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS:
            yield from status_pb2.Status.FromString(value if isinstance(value, bytes) else value.encode()).details
