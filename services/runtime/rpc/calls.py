"""Everything between gRPC and a handler, as one wrapper per method, made once when the service is registered.

In this order: admission (G6), a deadline where the caller gave none, text hygiene (P3), protovalidate; then the
handler; then its errors: a `SettlementError` keeps its reason, `CancelledError` that nobody asked for becomes ABORTED
(G2), anything unknown INTERNAL with a correlation id and nothing else.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import structlog
import uuid_utils
from google.protobuf.message import Message
from protovalidate import Validator, Violation

from services.kernel.errors import Aborted, ResourceExhausted, SettlementError
from services.runtime.ground import metrics
from services.runtime.ground.hygiene import flaw
from services.runtime.ground.paging import FOREIGN_PAGE
from services.runtime.ground.settings import Settings
from services.runtime.rpc.errors import CODES, STATUS_KEY, InvalidRequest, to_status

INVALID = "INVALID_ARGUMENT"
AMOUNTS = ("minor", "minor_units", "ppm", "ppm_per_day")
"""How the names of all fields end that hold amounts, fees or rates."""
Context = grpc.aio.ServicerContext[Any, Any]
Behaviour = Callable[[Any, Any], Awaitable[Any]]  # Any: a request and a context, for a response

log = structlog.get_logger(__name__)


class DeadlineExceeded(SettlementError):
    """The call took longer than a call without a deadline may."""

    status = "DEADLINE_EXCEEDED"


class Internal(SettlementError):
    """Something is wrong on our side; the log has it under this correlation id."""

    status = "INTERNAL"


class Calls:
    """Wraps the handlers of one server and counts what is under way."""

    def __init__(self, settings: Settings) -> None:
        self._concurrent_max = settings.rpc_concurrent_max
        self._unary_seconds_max = settings.deadline_seconds_max
        self._stream_seconds_max = settings.stream_seconds_max
        self._validator = Validator()
        self.under_way = 0

    def wrapped(self, method: str, handler: Any) -> Any:  # Any: grpc's RpcMethodHandler has no public type
        """The handler with everything around it; only unary requests exist in our API."""
        if handler.unary_unary is not None:
            return handler._replace(unary_unary=self._unary(method, handler.unary_unary))
        if handler.unary_stream is not None:
            return handler._replace(unary_stream=self._stream(method, handler.unary_stream))
        raise TypeError(f"{method} takes a stream of requests")

    def _unary(self, method: str, behaviour: Behaviour) -> Behaviour:
        done = metrics.RPCS.labels(method, "OK")
        seconds = metrics.RPC_SECONDS.labels(method)
        limit_seconds = self._unary_seconds_max

        async def handle(request: Message, context: Context) -> Any:
            began = time.perf_counter()
            self.under_way += 1
            try:
                self._admit(request)
                if context.time_remaining() is not None:
                    response = await behaviour(request, context)
                else:
                    async with asyncio.timeout(limit_seconds):
                        response = await behaviour(request, context)
                done.inc()
                return response
            except BaseException as error:
                await _refuse(method, context, error)
                raise
            finally:
                self.under_way -= 1
                seconds.observe(time.perf_counter() - began)

        return handle

    def _stream(self, method: str, behaviour: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        done = metrics.RPCS.labels(method, "OK")
        limit_seconds = self._stream_seconds_max

        async def handle(request: Message, context: Context) -> Any:
            self.under_way += 1
            try:
                self._admit(request)
                async with asyncio.timeout(limit_seconds):
                    async for response in behaviour(request, context):
                        yield response
                done.inc()
            except GeneratorExit:
                raise
            except BaseException as error:
                await _refuse(method, context, error)
                raise
            finally:
                self.under_way -= 1

        return handle

    def _admit(self, request: Message) -> None:
        if self.under_way > self._concurrent_max:
            metrics.REJECTED.inc()
            raise ResourceExhausted("OVERLOADED", "too many calls are under way")
        request.DiscardUnknownFields()
        unclean = flaw(request)
        if unclean:
            wrong = "holds characters that are not allowed, or is not NFC"
            raise InvalidRequest(_reason_of(unclean), [(unclean, wrong)])
        violations = self._validator.collect_violations(request)
        if violations:
            raise _invalid(violations)


def _invalid(violations: list[Violation]) -> InvalidRequest:
    """The refusal of a request that breaks its rules; the first of them that gives a reason of its own gives it."""
    named, reason = [], INVALID
    for violation in violations:
        proto = violation.proto
        path = ".".join(element.field_name for element in proto.field.elements) if proto.field else ""
        named.append((path, proto.message or proto.rule_id))
        reason = reason if reason != INVALID else _reason_of(path, proto.rule_id)
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
        error = Aborted("INTERNAL", "the call was interrupted; try again with the same request id")
    elif isinstance(error, TimeoutError):
        error = DeadlineExceeded("DEADLINE_EXCEEDED", "the call took longer than a call without a deadline may")
    elif not isinstance(error, SettlementError):
        if not isinstance(error, Exception):
            return
        correlation = uuid_utils.uuid7().hex
        log.error("call_failed", method=method, correlation_id=correlation, exc_info=error)
        error = Internal("INTERNAL", "internal error", {"correlation_id": correlation})
    metrics.RPCS.labels(method, error.status).inc()
    status = to_status(error)
    await context.abort(CODES[error.status], status.message, ((STATUS_KEY, status.SerializeToString()),))
