"""The three services in memory behind their own edge and servicers: a request goes in, a response or reason comes out.

What the runtime does with sockets, tables and Kafka is done here with dictionaries; contracts, servicers, wires and
rules are the real ones. Every row, journal and event is held to what a column and a message can hold.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Self

import grpc
from google.protobuf.message import Message as Wire
from google.rpc import error_details_pb2, status_pb2

from services.card_redemption.__main__ import SERVICE as CARDS
from services.credit_ledger.__main__ import SERVICE as CREDIT
from services.kernel.decision import Aggregate, Busy, Refused
from services.kernel.errors import Unavailable
from services.order.__main__ import SERVICE as ORDERS
from services.runtime.ground.settings import Settings
from services.runtime.rpc.calls import Calls
from services.runtime.rpc.edge import body_hash, error_of
from services.runtime.service import Service
from tests.clocks import StillClock
from tests.coupled import Pick, deliver, in_order
from tests.in_memory import InMemory

SERVICES: Mapping[str, Service] = {service.name: service for service in (ORDERS, CREDIT, CARDS)}
START = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)
MOST = 2**63 - 1


class OutOfRange(AssertionError):
    """Something was decided that cannot be stored or told."""


class _Ended(grpc.aio.AbortError):
    """The call ended with this status."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(status.message)
        self.status = status


class _Call:
    """A call without a deadline, as a handler sees it."""

    def invocation_metadata(self) -> tuple[()]:
        """Nothing."""
        return ()

    def time_remaining(self) -> None:
        return None

    async def abort(self, code: object, message: str, trailing: Sequence[tuple[str, bytes]]) -> None:
        raise _Ended(status_pb2.Status.FromString(trailing[0][1]))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came to: the response, or why there is none."""

    response: Any = None  # Any: of as many types as there are methods
    reason: str = ""
    detail: str = ""


class _Edge:
    """The part of the edge that servicers ask to change something."""

    def __init__(self, engine: "Engine", service: Service) -> None:
        self.settings = Settings(service.name)
        self.clock = StillClock(START)
        self._engine, self._name, self._codec = engine, service.name, service.codec

    async def now(self) -> datetime:
        """The instant that decisions get."""
        return self.clock.at

    async def ask(self, context: Any, request: Any, *, key: str, body: object, background: bool = False) -> Any:
        """Decide, and let everything that follows from it happen."""
        try:
            step = self._engine.worlds[self._name].when(key, body, request.request_id.lower(), body_hash(request))
            self._engine.deliver()
        except Exception as error:
            self._engine.faults.append(error)
            raise
        if isinstance(step.outcome, Refused):
            raise error_of(step.outcome)
        if isinstance(step.outcome, Busy):
            raise Unavailable("ACCOUNT_BUSY", "another settlement holds this account")
        return self._codec.message(*self._codec.encode(step.outcome.result))


class Engine:
    """`call` it with any request that changes something; `turn` moves its time."""

    def __init__(self, worlds: Mapping[str, InMemory] | None = None, now: datetime = START) -> None:
        self.worlds = dict(worlds or {
            name: InMemory(service.rules, service.timers, name, now, _storable) for name, service in SERVICES.items()
        })
        self.pick: Pick = in_order
        self.faults: list[Exception] = []
        """What was no refusal, for whoever wants to see more of it than its caller."""
        self._told = {name: (len(world.journals), len(world.events)) for name, world in self.worlds.items()}
        self._edges = {name: _Edge(self, service) for name, service in SERVICES.items()}
        self._methods = _Methods(self._edges)
        self._at(now)

    @property
    def now(self) -> datetime:
        """The instant that decisions get."""
        return self.worlds["order"].now

    def copy(self) -> Self:
        """Another engine that stands where this one does."""
        return type(self)({name: _copied(world) for name, world in self.worlds.items()}, self.now)

    def call(self, request: Wire) -> Answer:
        """Answer a request as its service would."""
        return asyncio.run(self._methods.call(request))

    def turn(self, to: datetime) -> None:
        """Move to an instant, and let what is due there happen."""
        self._at(to)
        for world in self.worlds.values():
            world.fire()
        self.deliver()

    def deliver(self) -> None:
        """Hand over what the services send each other, and hold all that came of it to what can be kept."""
        deliver(self.worlds, _over_the_wire, self.pick)
        for name, world in self.worlds.items():
            journals, events = self._told[name]
            for journal in world.journals[journals:]:
                if any(not -MOST <= line.amount_minor <= MOST for line in journal.lines):
                    raise OutOfRange(f"{name}: {journal}")
            for event in world.events[events:]:
                SERVICES[name].codec.encode(event.body)
            self._told[name] = len(world.journals), len(world.events)

    def _at(self, now: datetime) -> None:
        for name, world in self.worlds.items():
            world.now = now
            self._edges[name].clock.move(now)


class _Methods:
    """Every method of every servicer, as the server would have wrapped it."""

    def __init__(self, edges: Mapping[str, _Edge]) -> None:
        self._handlers: dict[str, Callable[[Wire, _Call], Any]] = {}
        for name, service in SERVICES.items():
            calls = _calls(name)
            for servicer in service.servicers:
                self._take(servicer(edges[name]), calls)  # type: ignore[arg-type]  # as much of an edge as they need

    def _take(self, servicer: object, calls: Calls) -> None:
        for kind in type(servicer).__mro__:
            for method, handle in vars(kind).items():
                if method[0].isupper() and callable(handle):
                    handler: Any = grpc.unary_unary_rpc_method_handler(getattr(servicer, method))
                    self._handlers.setdefault(f"{method}Request", calls.wrapped(method, handler).unary_unary)

    async def call(self, request: Wire) -> Answer:
        """Answer it."""
        handle = self._handlers[type(request).__name__]
        copy = type(request)()
        copy.CopyFrom(request)
        try:
            return Answer(_response_of(request).FromString(await handle(copy, _Call())))
        except _Ended as ended:
            info = error_details_pb2.ErrorInfo()
            for detail in ended.status.details:
                if detail.Unpack(info):
                    break
            return Answer(None, info.reason, ended.status.message)


def _response_of(request: Wire) -> type[Wire]:
    """`RepayResponse` for a `RepayRequest`, of the same file."""
    module, name = sys.modules[type(request).__module__], type(request).__name__
    found: type[Wire] = getattr(module, f"{name.removesuffix('Request')}Response")
    return found


@cache
def _calls(name: str) -> Calls:
    """What wraps the methods of a service; its validator takes long to make."""
    return Calls(Settings(name))


def _over_the_wire(sender: str, taker: str, body: object) -> object:
    return SERVICES[taker].codec.decode(*SERVICES[sender].codec.encode(body))


def _storable(before: Aggregate | None, after: Aggregate) -> None:
    """Hold a row to its columns."""
    for field in fields(after):  # type: ignore[arg-type]  # every row is a dataclass
        value = getattr(after, field.name)
        if isinstance(value, int) and not -MOST <= value <= MOST:
            raise OutOfRange(f"{field.name} of {after}")


def _copied(world: InMemory) -> InMemory:
    return replace(
        world, rows=dict(world.rows), answers=dict(world.answers), timers=dict(world.timers), lines=dict(world.lines),
        sent=[], replies=[], events=list(world.events), journals=list(world.journals),
        balances=type(world.balances)(world.balances), actions=[], _sequences=dict(world._sequences),
    )
