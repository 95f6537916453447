"""What the gateway itself refuses, and how any refusal looks over HTTP: a google.rpc.Status with its reason.

The code of HTTP follows the code of gRPC, as google.rpc.Code says it, but where HTTP has a word of its own.
"""

import math
from collections.abc import Mapping

from google.protobuf.json_format import MessageToJson
from google.rpc import code_pb2, error_details_pb2, status_pb2
from starlette.responses import Response

from services.kernel.errors import SettlementError
from services.runtime.rpc.errors import to_status

_HTTP = {
    "CANCELLED": 499, "INVALID_ARGUMENT": 400, "DEADLINE_EXCEEDED": 504, "NOT_FOUND": 404, "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403, "UNAUTHENTICATED": 401, "RESOURCE_EXHAUSTED": 429, "FAILED_PRECONDITION": 400,
    "ABORTED": 409, "OUT_OF_RANGE": 400, "UNIMPLEMENTED": 501, "UNAVAILABLE": 503,
}
JSON = "application/json"
UNKNOWN_CALLER = 401


class HttpRefusal(Exception):
    """Refused before any service was asked. `status` is the code of HTTP, `error` says the reason."""

    def __init__(self, status: int, error: SettlementError, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(error))
        self.status, self.error, self.headers = status, error, dict(headers or {})


def refused(refusal: HttpRefusal) -> Response:
    """The answer to what the gateway refuses."""
    return answer_of(to_status(refusal.error), refusal.status, refusal.headers)


def answer_of(
    status: status_pb2.Status, http_status: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer for a status: its JSON, and Retry-After in whole seconds where it says when to come again."""
    code, delay = http_status or http_code(status), _retry_seconds(status)
    said = dict(headers or {}) | ({} if delay is None else {"Retry-After": str(delay)})
    if code == UNKNOWN_CALLER:
        said["WWW-Authenticate"] = "Bearer"
    return Response(status_json(status), code, said, media_type=JSON)


def http_code(status: status_pb2.Status) -> int:
    """The code of HTTP for a status; what is longer than is taken can not be asked again, so it is no 429."""
    name = code_pb2.Code.Name(status.code)
    if name == "RESOURCE_EXHAUSTED" and _retry_seconds(status) is None:
        return 413
    return _HTTP.get(name, 500)


def status_json(status: status_pb2.Status) -> str:
    """A status as proto3 JSON."""
    text: str = MessageToJson(status, indent=None, ensure_ascii=False)
    return text


def reason_of(status: status_pb2.Status) -> str:
    """The reason in its ErrorInfo; empty if it has none."""
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            reason: str = info.reason
            return reason
    return ""


def _retry_seconds(status: status_pb2.Status) -> int | None:
    for detail in status.details:
        info = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            seconds: float = info.retry_delay.ToTimedelta().total_seconds()
            return max(1, math.ceil(seconds))
    return None
