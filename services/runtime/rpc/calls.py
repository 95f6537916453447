"""Everything between gRPC and a handler, as one wrapper per method, made once when the service is registered.

In this order: the door (`identity/door.py`: who calls, and whether they may), a place among the calls under way
(`places.py`, G6), a deadline where the caller gave none, the fields that name who acts, text hygiene (P3),
protovalidate, the owner of what the call is about; then the handler; then its errors: a `SettlementError` keeps its
reason, `CancelledError` that nobody asked for becomes ABORTED (G2), an outage UNAVAILABLE, anything unknown INTERNAL
with a correlation id and nothing else. What the handler sees of request ids is lower case: a UUID is the same in any
case of letters.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import grpc
import structlog
import uuid_utils
from google.protobuf.message import Message
from protovalidate import Validator, Violation

from services.kernel.errors import Aborted, Internal, SettlementError
from services.runtime.ground import metrics
from services.runtime.ground.hygiene import flaw
from services.runtime.ground.paging import ANSWER_BYTES_MAX, FOREIGN_PAGE
from services.runtime.ground.refused import RefusedCall
from services.runtime.ground.settings import Settings
from services.runtime.ground.tracing import OFF, Tracer
from services.runtime.identity.door import Door, Entered, Gate
from services.runtime.rpc.arrivals import Unreadable, readable
from services.runtime.rpc.closing import Closing
from services.runtime.rpc.errors import InvalidRequest, MessageTooLarge, abort_with, outage_of
from services.runtime.rpc.exchange import Exchange
from services.runtime.rpc.limit import limit
from services.runtime.rpc.places import OPERATORS, PLACE, Places, Use, use_of
from services.runtime.rpc.refusals import DECIDED, FINAL, Keep
from services.runtime.rpc.secured import Peers
from services.runtime.rpc.served import Served
from services.runtime.rpc.taking import end_with, write
from services.runtime.rpc.words import path_of, told, unclean

INVALID = "INVALID_ARGUMENT"
AMOUNTS = ("minor", "minor_units", "ppm", "ppm_per_day")
"""How the names of all fields end that hold amounts, fees or rates."""
Context = grpc.aio.ServicerContext[Any, Any]
Behaviour = Callable[[Any, Any], Awaitable[Any]]  # Any: a request and a context, for a response
T = TypeVar("T")

log = structlog.get_logger(__name__)


class Calls:
    """Wraps the handlers of one server, and gives their calls their places.

    Without a `door` everybody may call everything: only what is no process of ours has none (a sandbox, a test).
    """

    def __init__(self, settings: Settings, tracer: Tracer = OFF) -> None:
        self.tracer = tracer
        self.places = Places(settings)
        self.closing = self.places.closing
        self.peers = Peers(settings)
        self._request_bytes_max = settings.rpc_message_bytes_max
        self.unary_seconds_max = settings.deadline_seconds_max
        self._stream_seconds_max = settings.stream_seconds_max
        self._untaken_seconds_max = settings.stream_untaken_seconds_max
        self._validator = Validator()
        self._unary: dict[str, Unary] = {}
        self.door: Door | None = None
        self.check_crowd: Callable[[str], None] = _room_for_all
        """Refuses a command by its request id, where too many wait; set before calls come."""
        self.keep: Keep | None = None
        """Keeps the refusals of commands that no lane decided; set before calls come."""

    @property
    def under_way(self) -> int:
        """How many calls are being served."""
        return self.places.taken.total()

    def wrapped(self, method: str, handler: Any) -> Any:  # Any: grpc's RpcMethodHandler has no public type
        """The handler with everything around it."""
        wrapped = handler._replace(
            request_deserializer=readable(handler.request_deserializer, self._request_bytes_max),
            response_serializer=None,
        )
        gate = None if self.door is None else self.door.gate(method)
        if handler.unary_unary is not None:
            self._unary[method] = unary = Unary(self, method, handler.unary_unary, gate)
            return wrapped._replace(unary_unary=_answering(unary))
        if handler.unary_stream is not None:
            return wrapped._replace(unary_stream=self._stream(method, handler.unary_stream, gate))
        if handler.stream_stream is not None:
            exchange = Exchange(self._unary, self.unary_seconds_max, self.closing)
            return wrapped._replace(stream_stream=self._exchange(method, handler.stream_stream, exchange, gate))
        raise TypeError(f"{method} takes a stream of requests for one answer")

    def _stream(
        self, method: str, behaviour: Callable[[Any, Any], Any], gate: Gate | None
    ) -> Callable[[Any, Any], Any]:
        async def handle(request: Message | Unreadable, context: Context) -> None:
            async def watched(entered: Entered | None) -> AsyncGenerator[Message, None]:
                admitted = await self.admit(request, gate, entered)
                async for response in behaviour(admitted, context):
                    await _entered(gate, context)  # whose token has ended, or has lost its key, sees nothing more
                    yield response

            await self._streamed(method, context, gate, watched, self.closing)

        return handle

    def _exchange(
        self, method: str, behaviour: Callable[[Any, Any], Any], exchange: Exchange, gate: Gate | None
    ) -> Callable[[Any, Any], Any]:
        async def handle(requests: AsyncIterator[Message | Unreadable], context: Context) -> None:
            async with aclosing(exchange.outcomes(requests, context)) as outcomes:
                await self._streamed(method, context, gate, lambda _: behaviour(outcomes, context))

        return handle

    async def _streamed(
        self, method: str, context: Context, gate: Gate | None,
        behaviour: Callable[[Entered | None], AsyncGenerator[Message, None]], until: Closing | None = None,
    ) -> None:
        """Say the answers of a stream, which has its place among those who watch, for as long as a stream may last and
        its reader takes them, and no longer than `until` calls are taken; one that is given none ends by itself then.
        We write them ourselves: whatever ends a stream whose reader is slow would else end gRPC's own writing, and the
        reader would hear nothing."""
        place, task = None, asyncio.current_task()
        try:
            if self.closing.begun:
                await self.closing.turn_away(context.invocation_metadata())
            self.closing.calls.add(task)
            entered = await _entered(gate, context)
            self.peers.check(context)
            place = self.places.enter(Use.WATCH)
            PLACE.set(place)
            async with limit(self._stream_seconds_max, until), aclosing(behaviour(entered)) as responses:
                async for response in responses:
                    await write(context, _packed(response), self._untaken_seconds_max)
            metrics.RPCS.labels(method, "OK").inc()
        except BaseException as error:
            meant = meaning(method, self.closing.meaning(error))
            if meant is not None:
                await end_with(context, meant)
            raise
        finally:
            self.closing.calls.discard(task)
            if place is not None:
                place.leave()

    async def keep_refused(
        self, method: str, request: Message | Unreadable, entered: Entered | None, error: SettlementError
    ) -> None:
        """Have the refusal of a well-formed command on record, where the service has one and its lanes do not. What
        operators ask is on a record of its own, and waits for no reader's turn."""
        if self.keep is None or DECIDED.get() or OPERATORS in method or not isinstance(request, Message):
            return
        command = "request_id" in request.DESCRIPTOR.fields_by_name
        if command and not flaw(request) and not self._validator.collect_violations(request):
            await self.keep(RefusedCall(method, request, entered.subject if entered is not None else "", error))

    async def admit(self, request: Message | Unreadable, gate: Gate | None, entered: Entered | None) -> Message:
        """The request as its method sees it; the `SettlementError` that says what is wrong with it."""
        if isinstance(request, Unreadable):
            raise request.refusal
        request.DiscardUnknownFields()
        if gate is not None and entered is not None:
            gate.name_actors(entered, request)
        found = flaw(request)
        if found:
            raise InvalidRequest(_reason_of(found), [(found, unclean(found))])
        violations = self._validator.collect_violations(request)
        if violations:
            raise _invalid(violations, request)
        lower_ids(request)
        if gate is not None and entered is not None:
            await gate.check_owner(entered, request)
        return request


async def _entered(gate: Gate | None, context: Context) -> Entered | None:
    """Who came through the gate; None where there is none, or it stands open."""
    return None if gate is None else await gate.enter(context.invocation_metadata() or ())


class Unary:
    """A method with one request and one answer, and everything around it."""

    def __init__(self, calls: Calls, method: str, behaviour: Behaviour, gate: Gate | None) -> None:
        self.method, self._gate = method, gate
        self._calls, self._behaviour = calls, behaviour
        self._done = metrics.RPCS.labels(method, "OK")
        self._seconds = metrics.RPC_SECONDS.labels(method)

    async def answer(self, request: Message | Unreadable, context: Context, told: Callable[[Message], T]) -> T:
        """The answer as it is `told`; raises the `SettlementError` that the call ends with."""
        began, place, closing, task = time.perf_counter(), None, self._calls.closing, asyncio.current_task()
        served = Served(self._calls.tracer, self.method, context)
        try:
            if closing.begun:
                await closing.turn_away(context.invocation_metadata())
            closing.calls.add(task)
            entered = await _entered(self._gate, context)
            self._calls.peers.check(context)
            use = use_of(self.method, request)
            place = self._calls.places.enter(use)
            PLACE.set(place)
            if use is Use.COMMAND:
                self._calls.check_crowd(_first_id(request))
            answer = told(await self._decided(request, context, entered))
            self._done.inc()
            served.well = True
            return answer
        except BaseException as error:
            meant = meaning(self.method, closing.meaning(error))
            if meant is None or meant is error:
                raise
            raise meant from error
        finally:
            closing.calls.discard(task)
            if place is not None:
                PLACE.set(None)
                place.leave()
            served.end()
            self._seconds.observe(time.perf_counter() - began)

    async def _decided(
        self, request: Message | Unreadable, context: Context, entered: Entered | None
    ) -> Any:  # Any: as below
        """The response; a refusal is on record before it is told (RD-31)."""
        DECIDED.set(False)
        try:
            return await self._response(await self._calls.admit(request, self._gate, entered), context)
        except FINAL as error:
            await self._calls.keep_refused(self.method, request, entered, error)
            raise

    async def _response(self, request: Message, context: Context) -> Any:  # Any: a response of its method
        if context.time_remaining() is not None:
            return await self._behaviour(request, context)
        async with limit(self._calls.unary_seconds_max):
            return await self._behaviour(request, context)


def _room_for_all(_request_id: str) -> None:
    """Nobody is refused."""


def _first_id(request: Any) -> str:  # Any: a command, or a batch of such
    """By which id a command is known; of a batch that of its first, for all of them are repeated together."""
    fields = request.DESCRIPTOR.fields_by_name
    if "request_id" in fields:
        return str(request.request_id)
    return str(request.requests[0].request_id) if request.requests else ""


def _answering(unary: Unary) -> Behaviour:
    async def handle(request: Message | Unreadable, context: Context) -> bytes:
        try:
            return await unary.answer(request, context, _packed)
        except SettlementError as error:
            await abort_with(context, error)
            raise

    return handle


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


def meaning(method: str, error: BaseException) -> SettlementError | None:
    """What a call ends with, counted; None where it is over already."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            return None  # the caller is gone: cancelled it, or its deadline passed
        error = Aborted("UNAVAILABLE", "the call was interrupted; try again with the same request id")
    elif isinstance(error, grpc.aio.AbortError) or not isinstance(error, Exception):
        return None
    elif not isinstance(error, SettlementError):
        error = outage_of(error) or _defect(method, error)
    metrics.RPCS.labels(method, error.status).inc()
    return error


def _defect(method: str, error: Exception) -> Internal:
    correlation = uuid_utils.uuid7().hex
    log.error("call_failed", method=method, correlation_id=correlation, exc_info=error)
    return Internal("INTERNAL", "internal error", {"correlation_id": correlation})
