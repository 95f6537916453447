"""Too many calls at once: whoever would wait too long hears at once when to come again, and nobody else feels it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import pytest

from services.kernel.errors import ResourceExhausted, Unavailable
from services.kernel.messages import Message
from services.kernel.saga import Verdict
from services.runtime.lanes.deciding import CROWDED_MESSAGES_MAX
from services.runtime.lanes.lanes import Lanes
from services.runtime.lanes.outlook import ALWAYS_TAKEN
from services.runtime.process import Process
from services.runtime.rpc.calls import Calls
from services.runtime.rpc.errors import abort_with
from services.runtime.rpc.server import RpcServer
from services.runtime.stored.inbox import Answered
from settle.client.calls import Fault, call
from settle.client.channels import open_channel
from settle.local import ports
from settlement.operations.v1 import operations_service_pb2 as operations
from settlement.order.v1 import order_service_pb2 as pb
from settlement.order.v1.order_service_pb2_grpc import OrderServiceStub
from tests.services.runtime.counters import Add
from tests.services.runtime.test_edge import process as process
from tests.services.runtime.test_places import NoCall, Servicer, cancel, serving
from tests.services.runtime.test_rpc import SETTINGS, refused


def _submit(lanes: Lanes, request_id: str) -> "asyncio.Future[Answered]":
    return lanes.submit(Message(request_id, "crowd", Add(1), request_id), b"1", 60.0)


def _refusal(act: Any, *arguments: object) -> ResourceExhausted:
    with pytest.raises(ResourceExhausted, match="OVERLOADED") as caught:
        act(*arguments)
    return caught.value


async def test_who_would_wait_too_long_is_refused_at_once_and_told_when_to_come(process: Process) -> None:
    """Before, 4,096 were taken, however slowly they were decided. Whoever repeats a call that was taken is taken: it
    does not know what became of it; and a batch that was taken is taken whole."""
    lanes = process._lanes
    calls = [_submit(lanes, f"call_{number}") for number in range(ALWAYS_TAKEN)]

    told = _refusal(lanes.check_crowd, "late").metadata
    lanes.check_crowd("CALL_7")
    repeated, of_a_batch = _submit(lanes, "call_7"), _submit(lanes, "the second of a batch")
    answers = await asyncio.gather(*calls, repeated, of_a_batch)
    lanes.check_crowd("late")

    assert int(told["retry_after_ms"]) >= 200
    assert {answer.verdict for answer in answers} == {Verdict.DONE}
    assert repeated.result() == calls[7].result()


async def test_batches_are_small_while_callers_are_refused(process: Process) -> None:
    """Between two of them is seen who comes."""
    lane = process._lanes._lanes[0]
    calls = [_submit(process._lanes, f"call_{number}") for number in range(ALWAYS_TAKEN)]

    crowded = lane._deciding.take(crowded=lane.crowded)
    lane.queues.give_back(crowded)

    assert len(crowded) == CROWDED_MESSAGES_MAX
    await asyncio.gather(*calls)


async def test_a_crowd_stops_commands_only_and_before_anything_of_them_is_looked_at() -> None:
    """Reads and operators have their places as ever; a command's fields are not even checked."""
    asked: list[str] = []

    def crowded(request_id: str) -> None:
        asked.append(request_id)
        raise ResourceExhausted("OVERLOADED", "too many requests are waiting", {"retry_after_ms": "700"})

    async with serving(SETTINGS) as (server, servicer, stub):
        server.shed(crowded)
        wrong = pb.CancelOrderRequest(request_id="no id")
        batch = pb.BatchCancelOrdersRequest(requests=[cancel(), cancel()])
        refusals = [await refused(stub.CancelOrder(wrong)), await refused(stub.BatchCancelOrders(batch))]
        read = await stub.GetOrder(pb.GetOrderRequest(order_id="ord_1"))

    assert [(each.status, each.reason) for each in refusals] == [("RESOURCE_EXHAUSTED", "OVERLOADED")] * 2
    assert asked == ["no id", batch.requests[0].request_id]
    assert (read, servicer.waited) == (pb.GetOrderResponse(), [])


async def test_a_crowd_is_no_matter_to_operators() -> None:
    """However full all is, they act."""
    calls, done = Calls(SETTINGS), operations.RetrySagaResponse()

    def crowded(_request_id: str) -> None:
        raise ResourceExhausted("OVERLOADED", "too many requests are waiting")

    calls.check_crowd = crowded

    async def retry(_request: object, _context: object) -> operations.RetrySagaResponse:
        return done

    handler: Any = grpc.unary_unary_rpc_method_handler(retry)
    method = calls.wrapped("/settlement.operations.v1.OperationsService/RetrySaga", handler)
    request = operations.RetrySagaRequest(
        request_id="00000000-0000-4000-8000-000000000001", saga_id="saga_1", operator_id="ann", reason="tried"
    )

    assert await method.unary_unary(request, NoCall()) == done.SerializeToString()


class _Grudging(Servicer):
    """Refuses the first calls for want of room, with a time to come again."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals

    async def GetOrder(self, request: pb.GetOrderRequest, context: Any) -> pb.GetOrderResponse:
        """No, until there is room."""
        if self.refusals:
            self.refusals -= 1
            await abort_with(context, ResourceExhausted("OVERLOADED", "full", {"retry_after_ms": "1250"}))
        return pb.GetOrderResponse()


@pytest.mark.parametrize(("refusals", "seconds", "waits"), [(2, 30.0, [1.25, 1.25]), (2, 1.0, None)])
async def test_a_client_comes_again_when_it_was_told_to(
    refusals: int, seconds: float, waits: Sequence[float] | None
) -> None:
    """As long as its own time lasts; then it is a fault like any other."""
    waited: list[float] = []

    async def wait(told: float) -> None:
        waited.append(told)

    grudging = _Grudging(refusals)  # type: ignore[abstract]  # the other methods are not called
    async with serving(SETTINGS, grudging) as (_, _servicer, stub):
        asked = call(stub.GetOrder, pb.GetOrderRequest(order_id="ord_1"), seconds, wait)
        if waits is None:
            with pytest.raises(Fault, match="GetOrder: RESOURCE_EXHAUSTED OVERLOADED full"):
                await asked
        else:
            assert await asked == pb.GetOrderResponse()

    assert waited == (waits or [])


class _Away(Servicer):
    """Has a database that is away at first."""

    def __init__(self, outages: int) -> None:
        super().__init__()
        self.outages = outages

    async def GetOrder(self, request: pb.GetOrderRequest, context: Any) -> pb.GetOrderResponse:
        """Not now, until there is one."""
        if self.outages:
            self.outages -= 1
            await abort_with(context, Unavailable("UNAVAILABLE", "the database does not answer"))
        return pb.GetOrderResponse()


async def test_a_client_comes_again_after_an_outage() -> None:
    """Also where gRPC itself has tried often enough: later each time, and never all of a crowd at once."""
    away, waited = _Away(outages=12), list[float]()  # type: ignore[abstract]  # as above

    async def wait(told: float) -> None:
        waited.append(told)

    async with serving(SETTINGS, away) as (_, _servicer, stub):
        answer = await call(stub.GetOrder, pb.GetOrderRequest(order_id="ord_1"), wait=wait)

    assert answer == pb.GetOrderResponse()
    assert away.outages == 0
    assert [0.05 * 2**n <= told <= 0.15 * 2**n for n, told in enumerate(waited)] == [True] * len(waited) != []


async def test_who_meets_nobody_gives_up_soon() -> None:
    """A verb says within seconds that nobody is there."""
    [port] = ports.free_ports(1)
    waited = list[float]()

    async def wait(told: float) -> None:
        waited.append(told)
        await asyncio.sleep(told)

    async with open_channel(f"{ports.HOST}:{port}") as opened:
        asked = call(OrderServiceStub(opened).GetOrder, pb.GetOrderRequest(order_id="ord_1"), 30.0, wait)
        with pytest.raises(Fault, match="UNAVAILABLE"):
            await asyncio.wait_for(asked, 10.0)

    assert waited


class _OneByOne:
    """A server of gRPC that takes handlers by their generic one alone."""

    def __init__(self) -> None:
        self.handlers: list[Any] = []

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        """Take them."""
        self.handlers += handlers

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Not these."""
        raise AssertionError(f"gRPC waits for a call of each of the {len(handlers)} methods of {service}")


async def test_grpc_waits_for_a_call_and_not_for_one_of_each_method() -> None:
    """With 45 registered methods each call cost the order service 50 us more, and the next was taken later."""
    server, taken = RpcServer(SETTINGS), _OneByOne()
    server._server = taken  # type: ignore[assignment]  # all that is asked of it
    server.add(Servicer())  # type: ignore[abstract]  # nothing is called

    assert len(taken.handlers) == 1
