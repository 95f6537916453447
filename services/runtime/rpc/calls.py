"""Everything between gRPC and a handler, as one wrapper per method, made once when the service is registered.

In this order: a place among the calls under way (`places.py`, G6), a deadline where the caller gave none, text hygiene
(P3), protovalidate; then the handler; then its errors: a `SettlementError` keeps its reason, `CancelledError` that
nobody asked for becomes ABORTED (G2), an outage UNAVAILABLE, anything unknown INTERNAL with a correlation id and
nothing else. What the handler sees of request ids is lower case: a UUID is the same in any case of letters.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import structlog
import uuid_utils
from google.protobuf.message import Message
from protovalidate import Validator, Violation

from services.kernel.errors import Aborted, Internal, SettlementError
from services.runtime.ground import metrics
from services.runtime.ground.hygiene import flaw
from services.runtime.ground.paging import ANSWER_BYTES_MAX, FOREIGN_PAGE
from services.runtime.ground.settings import Settings
from services.runtime.ground.tracing import OFF, Tracer
from services.runtime.rpc.arrivals import Unreadable, readable
from services.runtime.rpc.errors import (
    DeadlineExceeded,
    InvalidRequest,
    MessageTooLarge,
    abort_with,
    outage_of,
)
from services.runtime.rpc.places import PLACE, Places, Use, use_of
from services.runtime.rpc.served import Served
from services.runtime.rpc.words import path_of, told, unclean

INVALID = "INVALID_ARGUMENT"
AMOUNTS = ("minor", "minor_units", "ppm", "ppm_per_day")
"""How the names of all fields end that hold amounts, fees or rates."""
Context = grpc.aio.ServicerContext[Any, Any]
Behaviour = Callable[[Any, Any], Awaitable[Any]]  # Any: a request and a context, for a response

log = structlog.get_logger(__name__)


class Calls:
    """Wraps the handlers of one server, and gives their calls their places."""

    def __init__(self, settings: Settings, tracer: Tracer = OFF) -> None:
        self._tracer = tracer
        self._places = Places(settings)
        self._request_bytes_max = settings.rpc_message_bytes_max
        self._unary_seconds_max = settings.deadline_seconds_max
        self._stream_seconds_max = settings.stream_seconds_max
        self._validator = Validator()

    @property
    def under_way(self) -> int:
        """How many calls are being served."""
        return self._places.taken.total()

    def wrapped(self, method: str, handler: Any) -> Any:  # Any: grpc's RpcMethodHandler has no public type
        """The handler with everything around it; only unary requests exist in our API."""
        wrapped = handler._replace(
            request_deserializer=readable(handler.request_deserializer, self._request_bytes_max),
            response_serializer=None,
        )
        if handler.unary_unary is not None:
            return wrapped._replace(unary_unary=self._unary(method, handler.unary_unary))
        if handler.unary_stream is not None:
            return wrapped._replace(unary_stream=self._stream(method, handler.unary_stream))
        raise TypeError(f"{method} takes a stream of requests")

    def _unary(self, method: str, behaviour: Behaviour) -> Behaviour:
        done = metrics.RPCS.labels(method, "OK")
        seconds = metrics.RPC_SECONDS.labels(method)
        limit_seconds = self._unary_seconds_max

        async def handle(request: Message | Unreadable, context: Context) -> bytes:
            began, served = time.perf_counter(), Served(self._tracer, method, context)
            place = None
            try:
                place = self._places.enter(use_of(method, request))
                PLACE.set(place)
                admitted = self._admit(request)
                if context.time_remaining() is not None:
                    response = await behaviour(admitted, context)
                else:
                    async with _limit(limit_seconds):
                        response = await behaviour(admitted, context)
                answer = _packed(response)
                done.inc()
                served.well = True
                return answer
            except BaseException as error:
                await _refuse(method, context, error)
                raise
            finally:
                if place is not None:
                    PLACE.set(None)
                    place.leave()
                served.end()
                seconds.observe(time.perf_counter() - began)

        return handle

    def _stream(self, method: str, behaviour: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        done = metrics.RPCS.labels(method, "OK")
        limit_seconds = self._stream_seconds_max

        async def handle(request: Message | Unreadable, context: Context) -> AsyncIterator[bytes]:
            place = None
            try:
                place = self._places.enter(Use.WATCH)
                PLACE.set(place)
                admitted = self._admit(request)
                async with _limit(limit_seconds):
                    async for response in behaviour(admitted, context):
                        yield _packed(response)
                done.inc()
            except GeneratorExit:
                raise
            except BaseException as error:
                await _refuse(method, context, error)
                raise
            finally:
                if place is not None:
                    place.leave()

        return handle

    def _admit(self, request: Message | Unreadable) -> Message:
        if isinstance(request, Unreadable):
            raise request.refusal
        request.DiscardUnknownFields()
        found = flaw(request)
        if found:
            raise InvalidRequest(_reason_of(found), [(found, unclean(found))])
        violations = self._validator.collect_violations(request)
        if violations:
            raise _invalid(violations, request)
        lower_ids(request)
        return request


@asynccontextmanager
async def _limit(seconds: float) -> AsyncIterator[None]:
    """The time that the block has at most; any other time-out is an outage and passes."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        told = "the call took longer than a call without a deadline may"
        raise DeadlineExceeded("DEADLINE_EXCEEDED", told) from None


def lower_ids(request: Any) -> None:  # Any: requests of every kind, and those within a batch
    """Write the request's ids in lower case: a UUID is one id in any case of letters."""
    fields = request.DESCRIPTOR.fields_by_name
    if "request_id" in fields:
        request.request_id = request.request_id.lower()
    elif "requests" in fields:
        for item in request.requests:
            lower_ids(item)


def _packed(response: Message) -> bytes:
    """The answer as it is sent; MESSAGE_TOO_LARGE for one that callers could not receive."""
    packed = response.SerializeToString()
    if len(packed) > ANSWER_BYTES_MAX:
        raise MessageTooLarge(f"the answer has {len(packed)} bytes; {ANSWER_BYTES_MAX} can be sent")
    return packed


def _invalid(violations: list[Violation], request: Message) -> InvalidRequest:
    """The refusal of a request that breaks its rules; the first of them that gives a reason of its own gives it."""
    named, reason = [], INVALID
    for violation in violations:
        path = path_of(violation)
        named.append((path, told(violation, request)))
        reason = reason if reason != INVALID else _reason_of(path, violation.proto.rule_id)
    return InvalidRequest(reason, named)


def _reason_of(path: str, rule_id: str = "") -> str:
    """A rule whose id is written as a reason (UPPER_SNAKE) gives it; a page token that breaks one is not ours; a number
    out of the bounds of an amount, a fee or a rate is no amount."""
    if rule_id.isupper():
        return rule_id
    if path.endswith(AMOUNTS) and rule_id.startswith(("int64.", "int32.", "uint64.")):
        return "INVALID_AMOUNT"
    return FOREIGN_PAGE if path == "page_token" else INVALID


async def _refuse(method: str, context: Context, error: BaseException) -> None:
    """Answer with the status that an error means; returns only if the call is over already."""
    if isinstance(error, grpc.aio.AbortError):
        return
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            return  # the caller is gone: cancelled it, or its deadline passed
        error = Aborted("UNAVAILABLE", "the call was interrupted; try again with the same request id")
    elif not isinstance(error, SettlementError):
        if not isinstance(error, Exception):
            return
        error = outage_of(error) or _defect(method, error)
    metrics.RPCS.labels(method, error.status).inc()
    await abort_with(context, error)


def _defect(method: str, error: Exception) -> Internal:
    correlation = uuid_utils.uuid7().hex
    log.error("call_failed", method=method, correlation_id=correlation, exc_info=error)
    return Internal("INTERNAL", "internal error", {"correlation_id": correlation})
