"""Calls have places by what they do: however many watch or wait, commands, reads and operators have theirs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

import grpc
import pytest

from services.kernel.errors import ResourceExhausted
from services.runtime.ground import metrics
from services.runtime.ground.settings import Settings
from services.runtime.process import Process
from services.runtime.rpc.calls import Calls
from services.runtime.rpc.errors import from_rpc_error
from services.runtime.rpc.places import OPERATORS_MAX, Places, Use, may_wait, use_of, waits
from services.runtime.rpc.server import RpcServer, channel
from settlement.operations.v1 import operations_service_pb2 as operations
from settlement.order.v1 import order_pb2
from settlement.order.v1 import order_service_pb2 as pb
from settlement.order.v1 import order_service_pb2_grpc as stubs
from tests.services.runtime.conftest import Until
from tests.services.runtime.test_edge import edge_of
from tests.services.runtime.test_edge import process as process
from tests.services.runtime.test_lanes import fetch
from tests.services.runtime.test_rpc import SETTINGS, full_status, type_name

WATCHERS = 10_000
FEW = replace(SETTINGS, rpc_concurrent_max=2, rpc_watchers_max=3)
WATCHED = pb.WatchSettlementRequest(settlement_id="saga_1")


def cancel() -> pb.CancelOrderRequest:
    """A command."""
    return pb.CancelOrderRequest(request_id=str(uuid4()), order_id="ord_1", reason=order_pb2.CANCEL_REASON_NOT_WANTED)


class Servicer(stubs.OrderServiceServicer):
    """CancelOrder waits for an end if it may; GetOrder answers; WatchSettlement lasts until told."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.waited: list[bool] = []

    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Any) -> pb.CancelOrderResponse:
        """Decided at once."""
        self.waited.append(may_wait())
        if self.waited[-1]:
            assert waits()
            await self.end.wait()
        return pb.CancelOrderResponse()

    async def GetOrder(self, request: pb.GetOrderRequest, context: Any) -> pb.GetOrderResponse:
        """A read."""
        return pb.GetOrderResponse()

    async def WatchSettlement(
        self, request: pb.WatchSettlementRequest, context: Any
    ) -> AsyncIterator[pb.WatchSettlementResponse]:
        """One answer, and the end."""
        yield pb.WatchSettlementResponse()
        await self.end.wait()


@asynccontextmanager
async def serving(
    settings: Any, servicer: Servicer | None = None
) -> AsyncIterator[tuple[RpcServer, Servicer, Any]]:
    """A server, its servicer and a stub."""
    server = RpcServer(settings)
    servicer = servicer or Servicer()  # type: ignore[abstract]  # the other methods are not called
    server.add(servicer)
    port = await server.start()
    async with channel(f"127.0.0.1:{port}", 10.0) as opened:
        yield server, servicer, stubs.OrderServiceStub(opened)
    await server.stop()


class NoCall:
    """A call that ends with the status it is given."""

    def __init__(self) -> None:
        self.code: object = None
        self.answered = asyncio.Event()

    async def write(self, _packed: bytes) -> None:
        """It takes every answer."""
        self.answered.set()

    def invocation_metadata(self) -> tuple[()]:
        """Nothing."""
        return ()

    def time_remaining(self) -> None:
        """It has no deadline."""

    async def abort(self, code: object, _message: str, _trailing: Any) -> None:
        """Note it, and end."""
        self.code = code
        raise grpc.aio.AbortError


async def test_10_000_watchers_leave_commands_their_places() -> None:
    """So many watch as may; the others are told to come again, and a command is served as ever. Before, all calls had
    one count, and 4,096 watchers shut out everybody."""
    servicer, calls = Servicer(), Calls(SETTINGS)  # type: ignore[abstract]  # as above
    handler: Callable[[Any], Any] = grpc.unary_stream_rpc_method_handler
    watch: Any = calls.wrapped("/settlement.order.v1.OrderService/WatchSettlement", handler(servicer.WatchSettlement))
    command: Any = calls.wrapped(
        "/settlement.order.v1.OrderService/CancelOrder", grpc.unary_unary_rpc_method_handler(servicer.CancelOrder)
    )
    watchers = [NoCall() for _ in range(WATCHERS)]
    streams = [asyncio.ensure_future(watch.unary_stream(WATCHED, call)) for call in watchers]
    firsts = [asyncio.ensure_future(call.answered.wait()) for call in watchers]
    for stream, first in zip(streams, firsts, strict=True):
        await asyncio.wait({stream, first}, return_when=asyncio.FIRST_COMPLETED)
        first.cancel()
    answer = await command.unary_unary(cancel(), NoCall())
    refused = [call.code for call in watchers if call.code is not None]

    assert sum(call.answered.is_set() for call in watchers) == SETTINGS.rpc_watchers_max
    assert refused == [grpc.StatusCode.RESOURCE_EXHAUSTED] * (WATCHERS - SETTINGS.rpc_watchers_max)
    assert (answer, servicer.waited) == (b"", [False])
    for stream in streams:
        stream.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    assert calls.under_way == 0


async def test_who_waits_gives_its_place_to_who_commands(until: Until) -> None:
    """A command that was decided waits among the watchers; where there is no place, it tells at once what there is."""
    async with serving(FEW) as (server, servicer, stub):
        waiting = []
        for number in range(1, 4):
            waiting.append(asyncio.ensure_future(stub.CancelOrder(cancel())))
            await until(partial(_waited, servicer, number))
        at_once = [await stub.CancelOrder(cancel()) for _ in range(3)]
        read = await stub.GetOrder(pb.GetOrderRequest(order_id="ord_1"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in stub.WatchSettlement(WATCHED):
                pass
        servicer.end.set()
        await asyncio.gather(*waiting)
        await until(lambda: server.under_way == 0)

    assert servicer.waited == [True] * 3 + [False] * 3
    assert (len(at_once), read) == (3, pb.GetOrderResponse())
    assert from_rpc_error(caught.value).reason == "OVERLOADED"
    names = [type_name(detail) for detail in full_status(caught.value).details]
    assert names == ["google.rpc.ErrorInfo", "google.rpc.RetryInfo"]


async def test_a_command_that_waits_for_its_settlement_holds_no_place_of_a_command(
    process: Process, local: Settings, until: Until
) -> None:
    """From its decision on it counts among those who wait, until its end, its deadline or its caller's leaving."""
    await fetch(local, """
        insert into sagas
            (id, root, kind, definition_version, phase, started_at, deadline_at, updated_at, version, plan, branches)
        values ('saga_1', 'ord_1', 'refund', 1, 'TRYING', now(), now(), now(), 1, '{}', '[]')""")
    edge, calls = edge_of(process, local), Calls(SETTINGS)
    seconds, decided = [0.5, 60.0, 60.0], asyncio.Event()

    async def behave(request: pb.CancelOrderRequest, context: Any) -> pb.CancelOrderResponse:
        wait_seconds = seconds.pop(0)
        assert calls.places.taken[Use.COMMAND] > 0
        await decided.wait()
        await edge.awaited("saga_1", wait_seconds, None, since=1)
        return pb.CancelOrderResponse()

    handler: Any = grpc.unary_unary_rpc_method_handler(behave)
    method: Any = calls.wrapped("/settlement.order.v1.OrderService/CancelOrder", handler)
    waiting = [asyncio.ensure_future(method.unary_unary(cancel(), NoCall())) for _ in range(3)]
    await until(lambda: calls.places.taken == {Use.COMMAND: 3})

    decided.set()
    await until(lambda: calls.places.taken[Use.COMMAND] == 0 and calls.places.taken[Use.WATCH] in (2, 3))
    await until(waiting[0].done)
    waiting[1].cancel()
    await until(lambda: calls.places.taken[Use.WATCH] == 1)
    await fetch(local, "update sagas set phase = 'DONE', version = 2")
    await waiting[2]

    assert calls.under_way == 0


def _waited(servicer: Servicer, number: int) -> bool:
    return len(servicer.waited) == number


def test_each_use_has_its_own_count() -> None:
    """Full in one is not full in another; operators have places of their own, and all are shown."""
    places = Places(FEW)
    taken = [places.enter(use) for use in Use for _ in range(3 if use is Use.WATCH else 2)]

    for use in Use:
        with pytest.raises(ResourceExhausted, match="OVERLOADED"):
            places.enter(use)
    shown = {sample.labels["use"]: sample.value for sample in next(iter(metrics.RPCS_UNDER_WAY.collect())).samples}
    for place in taken:
        place.leave()

    assert shown == {"command": 2, "read": 2, "watch": 3, "operator": 2}
    assert places.taken.total() == 0
    assert SETTINGS.rpc_concurrent_max >= OPERATORS_MAX


def test_what_a_call_does_is_seen_by_its_request() -> None:
    """Batches of commands too; whatever an operator asks is an operator's."""
    of = "/settlement.order.v1.OrderService/X"

    assert use_of(of, cancel()) is Use.COMMAND
    assert use_of(of, pb.BatchCancelOrdersRequest()) is Use.COMMAND
    assert use_of(of, pb.GetOrderRequest()) is Use.READ
    assert use_of(of, object()) is Use.READ
    retry = "/settlement.operations.v1.OperationsService/RetrySaga"
    assert use_of(retry, operations.RetrySagaRequest()) is Use.OPERATOR
