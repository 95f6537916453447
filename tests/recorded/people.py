"""Who acts in the story: everybody who may call the public API. Every answer is written down.

Request ids are counted, so the same telling has the same ids. Each call comes a little later than the last.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from types import ModuleType
from typing import Any

import grpc
from google.protobuf.message import Message as Wire
from google.rpc import error_details_pb2, status_pb2

from settlement.card_redemption.v1 import (
    calendar_service_pb2,
    calendar_service_pb2_grpc,
    card_service_pb2,
    card_service_pb2_grpc,
    channel_service_pb2,
    channel_service_pb2_grpc,
    enterprise_service_pb2,
    enterprise_service_pb2_grpc,
    redemption_service_pb2,
    redemption_service_pb2_grpc,
)
from settlement.credit_ledger.v1 import (
    adjustment_service_pb2,
    adjustment_service_pb2_grpc,
    credit_service_pb2,
    credit_service_pb2_grpc,
    payout_service_pb2,
    payout_service_pb2_grpc,
    statement_service_pb2,
    statement_service_pb2_grpc,
)
from settlement.operations.v1 import operations_service_pb2, operations_service_pb2_grpc
from settlement.order.v1 import (
    after_sale_service_pb2,
    after_sale_service_pb2_grpc,
    merchant_service_pb2,
    merchant_service_pb2_grpc,
    order_service_pb2,
    order_service_pb2_grpc,
)
from tests.recorded.stage import NAMES, Stage

TICK = timedelta(seconds=1, milliseconds=3)
SECONDS_MAX = 20.0
STATUS_KEY = "grpc-status-details-bin"
API: tuple[tuple[str, ModuleType, ModuleType], ...] = (
    ("order", order_service_pb2, order_service_pb2_grpc),
    ("order", after_sale_service_pb2, after_sale_service_pb2_grpc),
    ("order", merchant_service_pb2, merchant_service_pb2_grpc),
    ("credit_ledger", credit_service_pb2, credit_service_pb2_grpc),
    ("credit_ledger", statement_service_pb2, statement_service_pb2_grpc),
    ("credit_ledger", adjustment_service_pb2, adjustment_service_pb2_grpc),
    ("credit_ledger", payout_service_pb2, payout_service_pb2_grpc),
    ("card_redemption", card_service_pb2, card_service_pb2_grpc),
    ("card_redemption", channel_service_pb2, channel_service_pb2_grpc),
    ("card_redemption", calendar_service_pb2, calendar_service_pb2_grpc),
    ("card_redemption", redemption_service_pb2, redemption_service_pb2_grpc),
    ("card_redemption", enterprise_service_pb2, enterprise_service_pb2_grpc),
    *((name, operations_service_pb2, operations_service_pb2_grpc) for name in NAMES),
)


@dataclass(frozen=True, slots=True)
class Said:
    """One answer as it came over the wire: of a method, the message and its bytes, or the refusal as text."""

    method: str
    type: str
    payload: bytes
    refusal: str = ""


class Refused(Exception):
    """A call was refused; `metadata` goes with the reason."""

    def __init__(self, reason: str, metadata: dict[str, str], text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.metadata = metadata


@dataclass(frozen=True, slots=True)
class Begun:
    """A call under way, and what will be written down of it."""

    task: "asyncio.Future[Any]"
    said: list[Said]


@dataclass
class People:
    """`ask` and what comes of it; `refused` for what should not work."""

    stage: Stage
    seconds_max: float = SECONDS_MAX
    said: list[Said] = field(default_factory=list)
    _methods: dict[tuple[str, str], Any] = field(default_factory=dict)  # Any: multi-callables of grpc
    _channels: list[grpc.aio.Channel] = field(default_factory=list)
    _number: int = 0

    def connect(self) -> None:
        """Find every method by the type of its request."""
        channels = {
            name: grpc.aio.insecure_channel(f"127.0.0.1:{engine.port}") for name, engine in self.stage.engines.items()
        }
        self._channels = list(channels.values())
        for name, messages, stubs in API:
            for service in messages.DESCRIPTOR.services_by_name.values():
                stub = getattr(stubs, f"{service.name}Stub")(channels[name])
                for method in service.methods:
                    self._methods[name, method.input_type.full_name] = (
                        f"{name} {service.name}.{method.name}", getattr(stub, method.name), method.server_streaming,
                    )

    async def leave(self) -> None:
        """Close the connections."""
        for channel in self._channels:
            await channel.close()

    # calls -----------------------------------------------------------------------------------------------------------

    async def ask(self, request: Wire, at: str = "") -> Any:
        """Call, let all happen that follows, and answer the response; a refusal raises `Refused`."""
        response = await self.stage.answer(self.call(request, at))
        await self.stage.deliver()
        return response

    async def refused(self, reason: str, request: Wire, at: str = "") -> Refused:
        """Call what is to be refused for this reason."""
        try:
            await self.ask(request, at)
        except Refused as refusal:
            if refusal.reason == reason:
                return refusal
            raise
        raise AssertionError(f"{type(request).__name__} was not refused: {reason}")

    async def together(self, *requests: Wire) -> list[Any]:
        """Calls of one service that one transaction decides; they are written down in this order."""
        name, pages = self._service_of(requests[0], ""), [list[Said]() for _ in requests]
        calls = [self.call(request, said=page) for request, page in zip(requests, pages, strict=True)]
        responses = await self.stage.together(name, *calls)
        for page in pages:
            self.said += page
        await self.stage.deliver()
        return responses

    async def begin(self, request: Wire) -> Begun:
        """A call that is decided, or found busy, while nothing is delivered; `finish` has its answer."""
        page: list[Said] = []
        task = await self.stage.begin(self._service_of(request, ""), self.call(request, said=page))
        return Begun(task, page)

    async def finish(self, begun: Begun, at_once: bool = False) -> Any:
        """The answer of a call that began, written down now; `at_once`: without anything delivered."""
        response = await (begun.task if at_once else self.stage.answer(begun.task))
        self.said += begun.said
        return response

    async def call(self, request: Wire, at: str = "", said: list[Said] | None = None) -> Any:
        """The call alone; what it answers is written down in `said`."""
        page = self.said if said is None else said
        self.stage.clock.move(self.stage.now + TICK)
        request = self._identified(request)
        name, method, streams = self._methods[self._service_of(request, at), request.DESCRIPTOR.full_name]
        try:
            if streams:
                return [self._noted(page, name, item) async for item in method(request, timeout=self.seconds_max)]
            return self._noted(page, name, await method(request, timeout=self.seconds_max))
        except grpc.aio.AioRpcError as error:
            raise self.note(name, error, page) from error

    def _identified(self, request: Any) -> Any:
        """The request under a new id; one that has an id already is a repetition."""
        if "request_id" not in request.DESCRIPTOR.fields_by_name or request.request_id:
            return request
        sent = type(request)()
        sent.CopyFrom(request)
        sent.request_id = self.request_id()
        return sent

    def request_id(self) -> str:
        """A new one."""
        self._number += 1
        return f"00000000-0000-4000-8000-{self._number:012d}"

    def _service_of(self, request: Wire, at: str) -> str:
        found = [name for name, kind in self._methods if kind == request.DESCRIPTOR.full_name]
        assert at or len(found) == 1, f"{request.DESCRIPTOR.full_name} needs a service"
        return at or found[0]

    def _noted(self, page: list[Said], method: str, response: Any) -> Any:
        shown = type(response)()
        shown.CopyFrom(response)
        if getattr(shown, "next_page_token", ""):
            shown.next_page_token = "more"  # what stands in it is the engine's own affair
        payload = shown.SerializeToString(deterministic=True)
        page.append(Said(method, response.DESCRIPTOR.full_name, payload))
        return response

    def note(self, method: str, error: grpc.aio.AioRpcError, page: list[Said] | None = None) -> Refused:
        """Write a refusal down; without a page in `said`."""
        info, trailing = error_details_pb2.ErrorInfo(), dict(list(error.trailing_metadata() or ()))
        status = status_pb2.Status.FromString(trailing.get(STATUS_KEY, b""))
        for detail in status.details:
            detail.Unpack(info)
        metadata = dict(sorted(info.metadata.items()))
        text = f"{error.code().name} {info.reason} {error.details()} {metadata}"
        (self.said if page is None else page).append(Said(method, "", b"", text))
        return Refused(info.reason, metadata, text)
