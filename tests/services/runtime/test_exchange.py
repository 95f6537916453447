"""Commands over a stream: each answered as its own method would, through a real server and a real channel."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

from services.kernel.errors import FailedPrecondition
from services.order.rpc.streams import OrderStreamServicer
from services.runtime.ground.settings import Settings
from services.runtime.rpc import exchange
from services.runtime.rpc.errors import from_rpc_error
from services.runtime.rpc.server import RpcServer, channel
from settle.client.calls import Fault
from settle.client.streams import CommandStream
from settlement.order.v1 import order_pb2, settlement_pb2, stream_service_pb2_grpc
from settlement.order.v1 import order_service_pb2 as orders
from settlement.order.v1 import order_service_pb2_grpc as order_stubs
from settlement.order.v1 import stream_service_pb2 as pb

SETTINGS = Settings("test", reflection=False, drain_seconds=0.5, rpc_concurrent_max=600, deadline_seconds_max=5.0)
Behaviour = Callable[[orders.CancelOrderRequest, Any], Awaitable[None]]


class Orders(order_stubs.OrderServiceServicer):
    """CancelOrder does what the test wants, and then is accepted."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.seen: list[orders.CancelOrderRequest] = []

    async def CancelOrder(self, request: orders.CancelOrderRequest, context: Any) -> orders.CancelOrderResponse:
        """Behave."""
        self.seen.append(request)
        await self.behaviour(request, context)
        return orders.CancelOrderResponse(settlement=settlement_pb2.Settlement(
            settlement_id=f"saga_{request.order_id}", order_id=request.order_id, version=3,
            state=settlement_pb2.SETTLEMENT_STATE_TRYING,
        ))


async def accepted(_request: orders.CancelOrderRequest, _context: Any) -> None:
    """Succeed."""


@asynccontextmanager
async def served(
    behaviour: Behaviour = accepted, settings: Settings = SETTINGS
) -> AsyncIterator[tuple[Orders, grpc.aio.Channel]]:
    """The servicer and a channel to its server."""
    server, servicer = RpcServer(settings), Orders(behaviour)  # type: ignore[abstract]  # the others are not called
    server.add(servicer)
    server.add(OrderStreamServicer(None))  # type: ignore[arg-type]  # it asks nothing of the edge
    port = await server.start()
    async with channel(f"127.0.0.1:{port}") as opened:
        yield servicer, opened
    await server.stop()
    assert server.under_way == 0


def cancel(order: str = "ord_1", **fields: Any) -> orders.CancelOrderRequest:
    """A sound request."""
    given: Any = {"request_id": str(uuid4()), "reason": order_pb2.CANCEL_REASON_NOT_WANTED} | fields
    return orders.CancelOrderRequest(order_id=order, **given)


def reason_of(answer: pb.ExchangeResponse) -> str:
    """Why a command was refused."""
    info = error_details_pb2.ErrorInfo()
    assert answer.refusal.details[0].Unpack(info)
    return str(info.reason)


async def test_each_command_is_answered_whichever_is_ready_first() -> None:
    """By its request id, in the words for callers of many."""
    slow = asyncio.Event()

    async def behaviour(request: orders.CancelOrderRequest, _context: Any) -> None:
        if request.order_id == "ord_slow":
            await slow.wait()

    async with served(behaviour) as (_, opened), CommandStream(opened) as stream:
        first = asyncio.ensure_future(stream.send(pb.ExchangeRequest(cancel_order=cancel("ord_slow"))))
        second = await stream.send(pb.ExchangeRequest(cancel_order=cancel("ord_2")))
        waiting = not first.done()
        slow.set()
        last = await first

    assert waiting
    assert second.decided == pb.DecidedCommand(
        order_id="ord_2", settlement_id="saga_ord_2", settlement_version=3,
        settlement_state=settlement_pb2.SETTLEMENT_STATE_TRYING,
    )
    assert last.decided.order_id == "ord_slow"


async def test_a_refusal_ends_its_command_and_not_the_stream() -> None:
    """With the very status of its method: reason, message, fields, when to try again."""

    async def behaviour(request: orders.CancelOrderRequest, _context: Any) -> None:
        if request.order_id == "ord_shipped":
            raise FailedPrecondition("ORDER_ALREADY_SHIPPED", "it is on its way", {"order_id": request.order_id})

    async with served(behaviour) as (servicer, opened), CommandStream(opened) as stream:
        shipped = await stream.send(pb.ExchangeRequest(cancel_order=cancel("ord_shipped")))
        unclean = await stream.send(pb.ExchangeRequest(cancel_order=cancel("no order at all")))
        nameless = await stream.send(pb.ExchangeRequest(cancel_order=cancel(request_id="NO-UUID")))
        nothing = await stream.send(pb.ExchangeRequest())
        late = [
            await stream.send(pb.ExchangeRequest(cancel_order=cancel(), timeout=Duration(seconds=seconds)))
            for seconds in (0, -1, 61)
        ]
        sound = await stream.send(pb.ExchangeRequest(cancel_order=cancel(), timeout=Duration(seconds=60)))

    assert (reason_of(shipped), shipped.refusal.message) == ("ORDER_ALREADY_SHIPPED", "it is on its way")
    assert (reason_of(unclean), reason_of(nothing)) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert (nameless.request_id, reason_of(nameless)) == ("no-uuid", "INVALID_ARGUMENT")
    assert {reason_of(answer) for answer in late} == {"INVALID_ARGUMENT"}
    assert sound.WhichOneof("answer") == "decided"
    assert [request.order_id for request in servicer.seen] == ["ord_shipped", "ord_1"]


async def test_a_command_has_its_own_time() -> None:
    """Its method sees how long it has, and the command is told when that is over; the stream goes on."""
    remaining: list[float] = []

    async def behaviour(request: orders.CancelOrderRequest, context: Any) -> None:
        remaining.append(context.time_remaining())
        if request.order_id == "ord_slow":
            await asyncio.sleep(60)

    async with served(behaviour) as (_, opened), CommandStream(opened) as stream:
        late = await stream.send(
            pb.ExchangeRequest(cancel_order=cancel("ord_slow"), timeout=Duration(nanos=200_000_000))
        )
        sound = await stream.send(pb.ExchangeRequest(cancel_order=cancel()))

    assert reason_of(late) == "DEADLINE_EXCEEDED"
    assert sound.WhichOneof("answer") == "decided"
    assert 0 < remaining[0] <= 0.2
    assert 4 < remaining[1] <= 5


async def test_a_stream_reads_no_further_than_it_can_answer(until: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flow control: who sends on and on waits, and no command is refused for it."""
    monkeypatch.setattr(exchange, "UNANSWERED_MAX", 8)
    go = asyncio.Event()

    async def behaviour(_request: orders.CancelOrderRequest, _context: Any) -> None:
        await go.wait()

    async with served(behaviour) as (servicer, opened), CommandStream(opened) as stream:
        sent = [
            asyncio.ensure_future(stream.send(pb.ExchangeRequest(cancel_order=cancel(f"ord_{n}")))) for n in range(40)
        ]
        await until(lambda: len(servicer.seen) == 8)
        await asyncio.sleep(0.1)  # time in which more would have been read
        read = len(servicer.seen)
        go.set()
        answers = await asyncio.gather(*sent)

    assert read == 8
    assert {answer.decided.order_id for answer in answers} == {f"ord_{n}" for n in range(40)}


async def test_commands_of_a_stream_take_places_like_calls() -> None:
    """Where no more may be under way, a command is told so, with the time after which to come again."""
    go = asyncio.Event()

    async def behaviour(_request: orders.CancelOrderRequest, _context: Any) -> None:
        await go.wait()

    few = Settings("test", reflection=False, drain_seconds=0.5, rpc_concurrent_max=4)
    async with served(behaviour, few) as (_, opened), CommandStream(opened) as stream:
        sent = [asyncio.ensure_future(stream.send(pb.ExchangeRequest(cancel_order=cancel()))) for _ in range(6)]
        done, _ = await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
        refused = [reason_of(each.result()) for each in done]
        go.set()
        answers = await asyncio.gather(*sent)

    assert set(refused) == {"OVERLOADED"}
    assert sum(answer.HasField("decided") for answer in answers) == 4


async def test_bytes_that_are_no_request_end_the_stream_after_what_came_before() -> None:
    """Nobody can say whose they are; what was sent before is answered first."""
    method = "/settlement.order.v1.OrderStreamService/Exchange"
    async with served() as (_, opened):
        call: Any = opened.stream_stream(method)()
        await call.write(pb.ExchangeRequest(cancel_order=cancel()).SerializeToString())
        await call.write(b"\xff\xff\xff")
        first = pb.ExchangeResponse.FromString(await call.read())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()

    assert first.decided.order_id == "ord_1"
    assert from_rpc_error(caught.value).reason == "UNDECODABLE"


async def test_who_leaves_takes_his_waits_along(until: Any) -> None:
    """Nothing of a stream stays when its caller is gone; the commands themselves are their lanes' (G1)."""
    ended: list[str] = []

    async def behaviour(request: orders.CancelOrderRequest, _context: Any) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(request.order_id)

    async with served(behaviour) as (servicer, opened):
        call: Any = stream_service_pb2_grpc.OrderStreamServiceStub(opened).Exchange()
        for number in range(3):
            await call.write(pb.ExchangeRequest(cancel_order=cancel(f"ord_{number}")))
        await until(lambda: len(servicer.seen) == 3)
        call.cancel()
        await until(lambda: len(ended) == 3)


async def test_a_client_hears_that_its_stream_ended() -> None:
    """Every command without an answer, and every later one."""

    async def behaviour(_request: orders.CancelOrderRequest, _context: Any) -> None:
        await asyncio.sleep(60)

    brief = Settings("test", reflection=False, drain_seconds=0.5, stream_seconds_max=0.3)
    async with served(behaviour, brief) as (_, opened), CommandStream(opened) as stream:
        with pytest.raises(Fault, match="DEADLINE_EXCEEDED"):
            await stream.send(pb.ExchangeRequest(cancel_order=cancel()))
        with pytest.raises(Fault, match="ended"):
            await stream.send(pb.ExchangeRequest(cancel_order=cancel()))
