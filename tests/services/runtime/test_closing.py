"""A server that stops: who is under way is answered, and everybody else hears what gRPC tries again by itself."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from services.kernel.errors import Aborted
from services.order.rpc.streams import OrderStreamServicer
from services.runtime.ground.settings import Settings
from services.runtime.rpc.closing import ATTEMPTS, HELD_SECONDS_MAX
from services.runtime.rpc.errors import from_rpc_error, status_in
from services.runtime.rpc.exchange import Exchange
from services.runtime.rpc.reading import NotYet, read_when
from services.runtime.rpc.server import RpcServer, channel
from settle.client.streams import CommandStream
from settlement.operations.v1 import operations_service_pb2 as pb
from settlement.operations.v1 import operations_service_pb2_grpc as stubs
from settlement.order.v1 import stream_service_pb2, stream_service_pb2_grpc
from tests.services.runtime.conftest import Until
from tests.services.runtime.test_exchange import Orders, cancel
from tests.services.runtime.test_reading import OnePlace

SETTINGS = Settings("test", reflection=False, drain_seconds=5.0)
VALID = pb.GetSagaRequest(saga_id="saga_1")
ROOT = Path(__file__).resolve().parents[3]
CALLERS, STOPS = 64, 3
AT_ONCE = 400
"""Of one channel; half of them come to the one of two processes that stops."""
LONG_SECONDS = 6.0
"""A stop that is longer than four tries of gRPC."""
PROGRAM = """
import asyncio, signal, sys
from services.runtime.ground.settings import Settings
from services.runtime.rpc.server import RpcServer, leave
from settlement.operations.v1 import operations_service_pb2 as pb
from settlement.operations.v1 import operations_service_pb2_grpc as stubs

class Servicer(stubs.OperationsServiceServicer):
    async def GetSaga(self, request, context):
        await asyncio.sleep(0.005)
        return pb.GetSagaResponse(saga=pb.Saga(saga_id=request.saga_id))

async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = RpcServer(Settings("test", reflection=False))
    server.add(Servicer())
    print(await server.start(), flush=True)
    await stop.wait()
    await server.drain()
    await asyncio.sleep(float(sys.argv[1]))  # as long as the rest of a process takes
    await server.turn_away()
    leave(0)

asyncio.run(main())
"""


class Servicer(stubs.OperationsServiceServicer):
    """GetSaga does what the test wants."""

    def __init__(self, behaviour: Callable[[], Any]) -> None:
        self.behaviour = behaviour

    async def GetSaga(self, request: pb.GetSagaRequest, context: Any) -> pb.GetSagaResponse:
        """Behave."""
        await self.behaviour()
        return pb.GetSagaResponse(saga=pb.Saga(saga_id=request.saga_id))


@asynccontextmanager
async def served(*servicers: object) -> AsyncIterator[tuple[RpcServer, grpc.aio.Channel]]:
    """A server of these, and a channel to it on which nothing is tried again."""
    server = RpcServer(SETTINGS)
    for servicer in servicers:
        server.add(servicer)
    port = await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", [("grpc.enable_retries", 0)]) as opened:
        yield server, opened
    await server.stop()


async def stopping(call: Any) -> None:
    """The call hears that it may come again, and when."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = status_in(caught.value)
    assert status is not None
    assert (from_rpc_error(caught.value).status, "stopping" in status.message) == ("UNAVAILABLE", True)
    assert any(detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for detail in status.details)


async def test_who_is_under_way_is_answered_and_who_comes_later_turned_away(until: Until) -> None:
    """The later one not before the end, or it would come again at once to the same process."""
    go = asyncio.Event()
    servicer = Servicer(go.wait)  # type: ignore[abstract]  # the others are not called
    async with served(servicer) as (server, opened):
        stub: Any = stubs.OperationsServiceStub(opened)
        first = asyncio.ensure_future(stub.GetSaga(VALID, timeout=20))
        await until(lambda: server.under_way == 1)
        draining = asyncio.create_task(server.drain())
        await until(lambda: server._calls.closing.begun)
        second = asyncio.ensure_future(stub.GetSaga(VALID, timeout=20))
        await asyncio.sleep(0.05)
        early = draining.done() or second.done()
        go.set()
        await draining
        answer = await first
        await server.turn_away()

        await stopping(second)

    assert (early, answer.saga.saga_id) == (False, "saga_1")


async def test_a_read_that_waits_does_not_hold_the_process(until: Until) -> None:
    """It waits for a version that may come seconds later, from another process."""
    edge: Any = OnePlace()

    async def look(_connection: Any) -> None:
        raise NotYet(Aborted("STALE_VERSION", "the newest version is 1"))

    class Context:
        def time_remaining(self) -> float:
            return 20.0

    context: Any = Context()
    servicer = Servicer(lambda: read_when(edge, context, look, seconds_max=20.0))  # type: ignore[abstract]  # as above
    async with served(servicer) as (server, opened):
        waiting = asyncio.ensure_future(stubs.OperationsServiceStub(opened).GetSaga(VALID, timeout=20))
        await until(lambda: edge.looks)
        stopped = asyncio.create_task(server.stop())

        await stopping(waiting)
        await asyncio.wait_for(stopped, SETTINGS.drain_seconds)


async def test_commands_of_a_stream_are_answered_before_it_ends(until: Until) -> None:
    """Then the stream itself hears that it may be opened again."""
    go = asyncio.Event()

    async def behaviour(_request: Any, _context: Any) -> None:
        await go.wait()

    orders = Orders(behaviour)  # type: ignore[abstract]  # the others are not called
    streams = OrderStreamServicer(None)  # type: ignore[arg-type]  # it asks nothing of the edge
    async with served(orders, streams) as (server, opened):
        call: Any = stream_service_pb2_grpc.OrderStreamServiceStub(opened).Exchange()
        await call.write(stream_service_pb2.ExchangeRequest(cancel_order=cancel("ord_1")))
        await until(lambda: orders.seen)
        stopped = asyncio.create_task(server.stop())
        await until(lambda: server._calls.closing.begun)
        go.set()
        first = await call.read()

        await stopping(call.read())
        await stopped

    assert first.decided.order_id == "ord_1"


async def test_a_command_of_a_stream_that_comes_too_late_holds_nobody() -> None:
    """The stream ends with the last of its commands, and the process with the stream: held, each waited for all."""
    server = RpcServer(SETTINGS)
    server.add(Orders(None))  # type: ignore[abstract, arg-type]  # nothing of it is called
    closing = server._calls.closing
    exchange = Exchange(server._calls._unary, 5.0, closing)

    class Stream:
        def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
            return ((ATTEMPTS, "1"),)

    async def requests() -> AsyncIterator[Any]:
        closing.begin()
        yield stream_service_pb2.ExchangeRequest(cancel_order=cancel("ord_1"))

    stream: Any = Stream()
    async with asyncio.timeout(HELD_SECONDS_MAX / 2):
        outcome = await anext(exchange.outcomes(requests(), stream))

    assert outcome.refusal is not None
    assert "stopping" in outcome.refusal.message


async def test_a_stream_without_commands_ends_at_once() -> None:
    """Its caller may be silent for long."""
    streams = OrderStreamServicer(None)  # type: ignore[arg-type]  # it asks nothing of the edge
    async with served(streams) as (server, opened), CommandStream(opened) as stream:
        await opened.channel_ready()
        await asyncio.sleep(0.1)
        await asyncio.wait_for(server.stop(), SETTINGS.drain_seconds)
        await asyncio.wait_for(stream._reader, 5)


@pytest.mark.parametrize("number", range(STOPS))
async def test_nobody_hears_cancelled_of_a_process_that_stops_under_load(number: int) -> None:
    """Every call is answered or may be tried again: also those that reach the process when it is about to end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, "0.2", stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    port, codes, ended = int(await process.stdout.readline()), Counter[str](), asyncio.Event()

    async def call_on(opened: grpc.aio.Channel) -> None:
        stub: Any = stubs.OperationsServiceStub(opened)
        while not ended.is_set():
            try:
                await stub.GetSaga(VALID, timeout=20)
                codes["OK"] += 1
            except grpc.aio.AioRpcError as error:
                codes[error.code().name] += 1

    async with asyncio.TaskGroup() as load:
        async with channel(f"127.0.0.1:{port}") as first, channel(f"127.0.0.1:{port}") as second:
            calling = [load.create_task(call_on(opened)) for opened in (first, second) for _ in range(CALLERS // 2)]
            while codes["OK"] < 4 * CALLERS:
                await asyncio.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            status = await asyncio.wait_for(process.wait(), 20)
            ended.set()
            await asyncio.gather(*calling)

    assert (status, codes.keys() - {"OK"}) == (0, {"UNAVAILABLE"}), codes


async def test_a_stop_that_takes_long_costs_no_caller_his_tries() -> None:
    """Kafka may be away, or one call long: who comes by turns to the process that stops, and to one that serves, may
    come to the first three times out of four."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(LONG_SECONDS), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    port = int(await process.stdout.readline())

    async def at_once() -> None:
        """It serves."""

    server = RpcServer(SETTINGS)
    server.add(Servicer(at_once))  # type: ignore[abstract]  # the others are not called
    other = await server.start()
    async with channel(f"ipv4:127.0.0.1:{port},127.0.0.1:{other}") as opened:
        stub: Any = stubs.OperationsServiceStub(opened)
        await asyncio.gather(*(stub.GetSaga(VALID, timeout=20) for _ in range(AT_ONCE)))
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.2)
        later = (stub.GetSaga(VALID, timeout=20) for _ in range(AT_ONCE))
        answers = await asyncio.gather(*later, return_exceptions=True)
    await process.wait()
    await server.stop()

    assert [answer for answer in answers if isinstance(answer, BaseException)] == []


def test_a_process_leaves_though_nobody_reads_its_lines() -> None:
    """An error on the way out would unwind it, and drop the calls that come just then."""
    program = "import sys; from services.runtime.rpc.server import leave; sys.stdout.write('last words'); leave(0)"
    environ = os.environ | {"PYTHONUNBUFFERED": ""}
    reading, writing = os.pipe()
    os.close(reading)

    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, env=environ, stdout=writing, cwd=ROOT, timeout=60, check=False)

    os.close(writing)
    assert ended.returncode == 0
