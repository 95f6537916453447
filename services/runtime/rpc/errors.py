"""Errors on the wire: a `SettlementError` and a google.rpc.Status with exactly one ErrorInfo, both ways (AIP-193)."""

from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from services.kernel.errors import BY_STATUS, ResourceExhausted, SettlementError, Unavailable
from services.runtime.ground.postgres import Fault, fault_of
from settlement.common.v1.error_reason_pb2 import ErrorReason

DOMAIN = "settlement"
STATUS_KEY = "grpc-status-details-bin"
_RETRY_MS = {"RESOURCE_EXHAUSTED": 250, "UNAVAILABLE": 100, "ABORTED": 50}
_TEXT_MAX = 400
"""Characters of a message: it travels as a header, in up to nine bytes each, and headers have their limit."""

_VIOLATIONS_MAX = 8
"""An answer says of this many fields what is wrong, and how many more there are."""

CODES = {code.name: code for code in grpc.StatusCode}


class DeadlineExceeded(SettlementError):
    """The call took longer than a call without a deadline may."""

    status = "DEADLINE_EXCEEDED"


class MessageTooLarge(SettlementError):
    """A request or an answer is longer than is taken or sent; asking again as it is does not help."""

    status = "RESOURCE_EXHAUSTED"

    def __init__(self, detail: str) -> None:
        super().__init__("MESSAGE_TOO_LARGE", detail, {"retry_after_ms": "0"})


class InvalidRequest(SettlementError):
    """Fields of the request break their rules; `violations` are (field, what is wrong)."""

    status = "INVALID_ARGUMENT"

    def __init__(self, reason: str, violations: list[tuple[str, str]]) -> None:
        told, more = violations[:_VIOLATIONS_MAX], len(violations) - _VIOLATIONS_MAX
        sentences = [_sentence(*violation) for violation in told] + ([f"{more} more are wrong"] if more > 0 else [])
        super().__init__(reason, "; ".join(sentences))
        self.violations = told


def _sentence(name: str, wrong: str) -> str:
    return f"{name} {wrong}" if name else f"the request {wrong}"


def outage_of(error: BaseException) -> SettlementError | None:
    """UNAVAILABLE for an error that says PostgreSQL is away or overloaded for now; None for any other."""
    if isinstance(error, SettlementError) or fault_of(error) not in (Fault.LOST, Fault.TRANSIENT):
        return None
    return Unavailable("UNAVAILABLE", "the database does not answer; try again with the same request id")


def passes(error: BaseException) -> bool:
    """Whether asking again may help: the database is away, or too many ask it."""
    return isinstance(error, Unavailable | ResourceExhausted) or outage_of(error) is not None


def to_status(error: SettlementError) -> status_pb2.Status:
    """The status of an error; a retryable one says when, by the metadata `retry_after_ms` or a default."""
    metadata = {name: str(value) for name, value in error.metadata.items()}
    retry_ms = int(metadata.pop("retry_after_ms", _RETRY_MS.get(error.status, 0)))
    details = [_packed(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata))]
    if retry_ms and error.status in _RETRY_MS:
        delay = Duration(seconds=retry_ms // 1000, nanos=retry_ms % 1000 * 1_000_000)
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    if isinstance(error, InvalidRequest):
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=name, description=_sentence(name, wrong))
            for name, wrong in error.violations
        ]
        details.append(_packed(error_details_pb2.BadRequest(field_violations=fields)))
    message = error.detail or error.reason
    if len(message) > _TEXT_MAX:
        message = message[: _TEXT_MAX - 1] + "…"
    return status_pb2.Status(code=code_pb2.Code.Value(error.status), message=message, details=details)


async def abort_with(context: "grpc.aio.ServicerContext[Any, Any]", error: SettlementError) -> None:
    """End the call with the status of an error."""
    status = to_status(error)
    await context.abort(CODES[error.status], status.message, ((STATUS_KEY, status.SerializeToString()),))


def _packed(detail: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed


def status_in(error: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    """What another process said of its error; None where gRPC alone says that there was one."""
    told = next((value for key, value in error.trailing_metadata() or () if key == STATUS_KEY), None)
    return None if told is None else status_pb2.Status.FromString(told)


def from_rpc_error(error: grpc.aio.AioRpcError) -> SettlementError:
    """The `SettlementError` that another process answered with; anything else becomes `Unavailable` with its code."""
    status = status_in(error) or status_pb2.Status()
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            kind = BY_STATUS.get(error.code().name, Unavailable)
            return kind(info.reason, status.message, dict(info.metadata))
    name: str = error.code().name
    reason = name if f"ERROR_REASON_{name}" in ErrorReason.DESCRIPTOR.values_by_name else "UNAVAILABLE"
    return BY_STATUS.get(name, Unavailable)(reason, error.details() or "")
