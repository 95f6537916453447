"""One call of the public API: its answer, or what the engine said instead, by reason."""

from typing import Any

import grpc
import grpc.aio
from google.rpc import error_details_pb2, status_pb2

CALL_SECONDS = 30.0
_REFUSALS = frozenset({
    grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.PERMISSION_DENIED,
})
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


async def call(method: Any, request: Any, seconds: float = CALL_SECONDS) -> Any:  # Any: generated methods and messages
    """The answer of one call; a refusal is `Rejected`, everything else that is no answer is a `Fault`."""
    try:
        return await method(request, timeout=seconds)
    except grpc.aio.AioRpcError as error:
        reason = reason_of(error)
        if error.code() in _REFUSALS and reason:
            raise Rejected(reason, error.details() or "") from error
        name = type(request).__name__.removesuffix("Request")
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            raise Fault(f"{name} is not built") from error
        kind = Outage if error.code() is grpc.StatusCode.UNAVAILABLE and reason else Fault
        raise kind(f"{name}: {error.code().name} {reason} {error.details()}") from error


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The reason in the error's `ErrorInfo`, empty if it has none."""
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS:
            for detail in status_pb2.Status.FromString(value if isinstance(value, bytes) else value.encode()).details:
                found = error_details_pb2.ErrorInfo()
                if detail.Unpack(found):
                    return str(found.reason)
    return ""
