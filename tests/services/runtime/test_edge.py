"""What servicers and operators get from the runtime, through gRPC, on a running service."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import grpc
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt64Value

from services.kernel.errors import AlreadyExists, Unavailable
from services.kernel.saga import Phase
from services.runtime.ground.clock import SystemClock
from services.runtime.ground.settings import Settings
from services.runtime.ground.values import frozen_classes
from services.runtime.process import Process
from services.runtime.rpc.calls import lower_ids
from services.runtime.rpc.edge import Edge, body_hash, usable
from services.runtime.rpc.errors import from_rpc_error
from services.runtime.rpc.keeping import Keeper
from services.runtime.rpc.refusals import DECIDED
from services.runtime.rpc.server import RpcServer, channel
from settlement.operations.v1 import operations_service_pb2 as pb
from settlement.operations.v1 import operations_service_pb2_grpc as stubs
from settlement.order.v1 import order_pb2, settlement_pb2
from settlement.order.v1 import order_service_pb2 as order
from settlement.order.v1.order_service_pb2_grpc import OrderServiceServicer, OrderServiceStub
from tests.services.runtime.conftest import Postgres, Until
from tests.services.runtime.counters import CODEC, Add
from tests.services.runtime.counters import SERVICE as COUNTERS
from tests.services.runtime.errands import DEFINITIONS, shown
from tests.services.runtime.test_lanes import fetch
from tests.services.runtime.test_rpc import full_status, type_name

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest_asyncio.fixture(loop_scope="session")
async def process(local: Settings, until: Until) -> AsyncIterator[Process]:
    """The service with a manual clock."""
    running = Process(replace(COUNTERS, definitions=DEFINITIONS, shown=shown), replace(local, clock="manual"))
    await running.start()
    await until(lambda: running._lanes.ready)
    yield running
    await running.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def operations(process: Process) -> AsyncIterator[Any]:
    """A stub of its OperationsService."""
    async with channel(f"127.0.0.1:{process._server.port}", 5) as opened:
        yield stubs.OperationsServiceStub(opened)


class Call:
    """What `ask` needs of a call's context."""

    def invocation_metadata(self) -> tuple[()]:
        """Nothing."""
        return ()

    def time_remaining(self) -> float:
        """Enough."""
        return 5.0


def edge_of(process: Process, settings: Settings) -> Edge:
    """An edge on the process's lanes."""
    pool, lanes = process._pool, process._lanes
    return Edge(settings, SystemClock(), lanes, CODEC, pool, process._watchers, Keeper(pool.own))


async def test_ask_answers_the_result_and_the_same_again(process: Process, local: Settings) -> None:
    """The request id decides; how long the caller waits does not."""
    edge = edge_of(process, local)
    request = order.CancelOrderRequest(request_id=str(uuid4()), order_id="ord_1")
    patient = order.CancelOrderRequest(
        request_id=request.request_id, order_id="ord_1", wait_timeout=Duration(seconds=3)
    )
    call: Any = Call()

    first = await edge.ask(call, request, key="c", body=Add(4))
    again = await edge.ask(call, patient, key="c", body=Add(4))

    assert (first.value, again.value) == (4, 4)
    assert patient.wait_timeout.seconds == 3


async def test_an_id_that_another_body_has_is_nothing_that_a_lane_decided(process: Process, local: Settings) -> None:
    """Whoever keeps a record of refusals has to keep this one himself (RD-31)."""
    edge, call = edge_of(process, local), Call()
    request = order.CancelOrderRequest(request_id=str(uuid4()), order_id="ord_1")
    other = order.CancelOrderRequest(request_id=request.request_id, order_id="ord_2")
    DECIDED.set(False)

    await edge.ask(call, request, key="c", body=Add(4))  # type: ignore[arg-type]  # what it needs of a context
    assert DECIDED.get()
    with pytest.raises(AlreadyExists, match="REQUEST_ID_REUSED"):
        await edge.ask(call, other, key="c", body=Add(4))  # type: ignore[arg-type]  # as above
    assert not DECIDED.get()


class Cancelling(OrderServiceServicer):
    """CancelOrder adds 4, over this edge."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    async def CancelOrder(self, request: order.CancelOrderRequest, context: Any) -> order.CancelOrderResponse:
        """Ask."""
        value = await self.edge.ask(context, request, key="c", body=Add(4))
        return order.CancelOrderResponse(settlement=settlement_pb2.Settlement(settlement_id=str(value.value)))


async def test_what_is_wrong_with_a_request_is_told_before_who_has_its_id(process: Process, local: Settings) -> None:
    """An invalid body is refused as such, whatever its id; that answers nothing else and takes no id (D130)."""
    server = RpcServer(local)
    server.add(Cancelling(edge_of(process, local)))  # type: ignore[abstract]  # the other methods are not called
    port = await server.start()
    await server.set_serving(True)

    def cancelling(request_id: str, **fields: Any) -> order.CancelOrderRequest:
        known: dict[str, Any] = {"order_id": "ord_1", "reason": order_pb2.CANCEL_REASON_NOT_WANTED}
        return order.CancelOrderRequest(request_id=request_id, **known | fields)

    used, unused, said = str(uuid4()), str(uuid4()), []
    async with channel(f"127.0.0.1:{port}", 5.0) as opened:
        for request in (
            cancelling(used), cancelling(used, order_id=""), cancelling(used, order_id="ord_2"), cancelling(used),
            cancelling(unused, order_id=""), cancelling(unused),
        ):
            try:
                said.append((await OrderServiceStub(opened).CancelOrder(request)).settlement.settlement_id)
            except grpc.aio.AioRpcError as error:
                said.append(from_rpc_error(error).reason)
    await server.stop()

    assert said == ["4", "INVALID_ARGUMENT", "REQUEST_ID_REUSED", "4", "INVALID_ARGUMENT", "8"]


async def test_a_process_that_a_test_starts_leaves_the_guards_of_values(process: Process) -> None:
    """Only a process that serves by itself drops them: this one's did, and so all tests after it ran without."""
    assert [cls.__name__ for cls in frozen_classes("services") if "__setattr__" not in vars(cls)] == []


async def test_who_asks_again_hears_what_the_first_heard(process: Process, local: Settings) -> None:
    """An end that was waited for is stored in the place of the beginning, once: before, each asking again told the
    state of its own moment (F14)."""
    edge = edge_of(process, local)
    call: Any = Call()
    request = order.CancelOrderRequest(request_id=str(uuid4()), order_id="ord_1")
    told = await edge.ask(call, request, key="c", body=Add(4))

    kept = await edge.keep(request, told, UInt64Value(value=5))
    slower = await edge.keep(request, told, UInt64Value(value=6))
    again = await edge.ask(call, request, key="c", body=Add(4))

    assert (told.value, kept.value, slower.value, again.value) == (4, 5, 5, 5)


class Hurried(Call):
    """A call with little time."""

    def invocation_metadata(self) -> tuple[()]:
        """Nothing."""
        return ()

    def time_remaining(self) -> float:
        """Less than it takes."""
        return 0.3


async def test_a_request_id_is_the_same_in_any_case_of_letters() -> None:
    """Also within a batch: before, the same id in capitals was "another body" (F11)."""
    request_id = str(uuid4())
    one, batch = order.CancelOrderRequest(request_id=request_id.upper()), order.BatchCancelOrdersRequest()
    batch.requests.append(one)

    lower_ids(one)
    lower_ids(batch)

    assert (one.request_id, batch.requests[0].request_id) == (request_id, request_id)


async def test_a_call_that_waits_out_an_outage_hears_of_it(
    process: Process, local: Settings, postgres: Postgres
) -> None:
    """UNAVAILABLE in time instead of silence; asked again after it, the request is decided once."""
    edge = edge_of(process, local)
    request = order.CancelOrderRequest(request_id=str(uuid4()), order_id="ord_1")
    hurried: Any = Hurried()
    patient: Any = Call()

    await asyncio.to_thread(postgres.stop)
    try:
        with pytest.raises(Unavailable) as caught:
            await edge.ask(hurried, request, key="c", body=Add(4))
    finally:
        await asyncio.to_thread(postgres.start)
    answer = await edge.ask(patient, request, key="c", body=Add(4))

    assert (caught.value.reason, answer.value) == ("UNAVAILABLE", 4)


async def test_who_waits_for_an_end_waits_through_a_restart(
    process: Process, local: Settings, postgres: Postgres
) -> None:
    """It asks again on a new connection; before, the waiting call answered INTERNAL though all was committed (F3)."""
    insert = """insert into sagas (id, root, kind, definition_version, phase, started_at, deadline_at, updated_at,
                                   version, plan, branches)
                values ('saga_1', 'ord_1', 'refund', 1, 'TRYING', now(), now(), now(), 1, '{}', '[]')"""
    await fetch(local, insert)
    edge = edge_of(process, local)

    async def look(connection: Any) -> str:
        return str(await connection.fetchval("select phase from sagas where id = 'saga_1'"))

    waiting = asyncio.create_task(edge.awaited("saga_1", 20))
    await asyncio.sleep(0.05)
    await asyncio.to_thread(postgres.stop)
    try:
        hidden = await edge.seen(look, 0.2)
        await asyncio.sleep(1.1)  # it has asked in vain by now
    finally:
        await asyncio.to_thread(postgres.start)
    seen = await edge.seen(look, 20)
    await fetch(local, "update sagas set phase = 'DONE', version = 2 where id = 'saga_1'")

    ended = await waiting
    assert ended is not None
    assert (hidden, seen, ended.run.phase) == (None, "TRYING", Phase.DONE)


async def test_a_look_that_fails_for_another_reason_is_no_outage(process: Process, local: Settings) -> None:
    """It is told, not asked again."""

    async def look(connection: Any) -> None:
        raise KeyError("a defect")

    with pytest.raises(KeyError):
        await edge_of(process, local).seen(look, 20)


async def test_a_read_during_an_outage_is_unavailable(operations: Any, postgres: Postgres) -> None:
    """With RetryInfo; no caller has to read INTERNAL as "try again"."""
    await asyncio.to_thread(postgres.stop)
    try:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await operations.GetSaga(pb.GetSagaRequest(saga_id="saga_1"), timeout=5)
    finally:
        await asyncio.to_thread(postgres.start)

    refusal, names = from_rpc_error(caught.value), [type_name(detail) for detail in full_status(caught.value).details]
    assert (refusal.status, refusal.reason) == ("UNAVAILABLE", "UNAVAILABLE")
    assert names == ["google.rpc.ErrorInfo", "google.rpc.RetryInfo"]


async def test_the_hash_of_a_body_knows_its_type() -> None:
    """Two verbs with the same fields are not the same request."""
    cancel = order.CancelOrderRequest(request_id="r", order_id="o")

    assert body_hash(cancel) == body_hash(order.CancelOrderRequest(request_id="r", order_id="o"))
    assert body_hash(cancel) != body_hash(order.CancelOrderRequest(request_id="r", order_id="p"))
    assert body_hash(cancel) != body_hash(order.ForceCancelOrderRequest(request_id="r", order_id="o"))


@pytest.mark.parametrize(("left", "waited"), [(0.3, 0.2), (1.0, 0.9), (2.5, 2.25), (5.0, 4.5), (30.0, 29.5)])
def test_an_answer_has_its_part_of_the_time(left: float, waited: float) -> None:
    """The more of it a caller gives, the later the answer may be on a busy machine; but half a second is enough."""
    assert usable(left) == pytest.approx(waited)
