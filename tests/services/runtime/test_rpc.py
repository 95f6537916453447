"""The gRPC edge, through a real server and a real channel; the servicer is a stand-in with generated code's shape."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from services.kernel.errors import Defect, FailedPrecondition, SettlementError, Unavailable
from services.runtime.ground.guards import check_process
from services.runtime.ground.hygiene import clean, flaw
from services.runtime.ground.settings import Settings
from services.runtime.rpc import server as rpc
from services.runtime.rpc.errors import from_rpc_error, status_in
from services.runtime.rpc.server import RpcServer, channel
from settlement.operations.v1 import operations_service_pb2 as pb
from settlement.operations.v1 import operations_service_pb2_grpc as stubs
from tests.services.runtime.conftest import Until

SETTINGS = Settings("test", reflection=False, drain_seconds=0.5, rpc_concurrent_max=64)
VALID = pb.GetSagaRequest(saga_id="saga_1")
Behaviour = Callable[[pb.GetSagaRequest, Any], Any]


class Servicer(stubs.OperationsServiceServicer):
    """GetSaga does what the test wants."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour

    async def GetSaga(self, request: pb.GetSagaRequest, context: Any) -> pb.GetSagaResponse:
        """Behave."""
        await self.behaviour(request, context)
        return pb.GetSagaResponse(saga=pb.Saga(saga_id=request.saga_id))


async def nothing(_request: pb.GetSagaRequest, _context: Any) -> None:
    """Succeed."""


@asynccontextmanager
async def served(behaviour: Behaviour, settings: Settings = SETTINGS) -> AsyncIterator[tuple[RpcServer, Any]]:
    """A server with this behaviour, and a stub for it."""
    server = RpcServer(settings)
    server.add(Servicer(behaviour))  # type: ignore[abstract]  # the other methods are not called
    port = await server.start()
    await server.set_serving(True)
    async with channel(f"127.0.0.1:{port}", 5.0) as opened:
        yield server, stubs.OperationsServiceStub(opened)
    await server.stop()


async def refused(call: Any) -> SettlementError:
    """The error that a call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def test_g2_a_cancellation_that_nobody_asked_for_is_aborted() -> None:
    """Else the client would wait for ever."""

    async def behaviour(_request: Any, _context: Any) -> None:
        raise asyncio.CancelledError

    async with served(behaviour) as (_, stub):
        error = await refused(stub.GetSaga(VALID, timeout=5))

    assert error.status == "ABORTED"


async def test_g1_the_handler_is_cancelled_at_the_callers_deadline(until: Until) -> None:
    """Which is why a write must not be the handler's own: what it started shielded goes on."""
    written = asyncio.Event()
    go = asyncio.Event()

    async def write() -> None:
        await go.wait()
        written.set()

    tasks: list[asyncio.Task[None]] = []

    async def behaviour(_request: Any, _context: Any) -> None:
        tasks.append(asyncio.create_task(write()))
        await asyncio.shield(tasks[0])

    async with served(behaviour) as (server, stub):
        error = await refused(stub.GetSaga(VALID, timeout=0.2))
        await until(lambda: server.under_way == 0)
        go.set()
        await asyncio.wait_for(written.wait(), 5)

    assert error.reason == "DEADLINE_EXCEEDED"


async def test_a_call_without_a_deadline_gets_one() -> None:
    """On the server too: the caller's library may be anybody's."""

    async def behaviour(_request: Any, _context: Any) -> None:
        await asyncio.Event().wait()

    async with served(behaviour, replace(SETTINGS, deadline_seconds_max=0.2)) as (server, _):
        async with channel(f"127.0.0.1:{server.port}", None) as opened:
            error = await refused(stubs.OperationsServiceStub(opened).GetSaga(VALID))

    assert error.reason == "DEADLINE_EXCEEDED"


async def test_g3_stop_ends_in_time_with_a_call_under_way(until: Until) -> None:
    """A call that never ends is cut off after the grace, and told so."""

    async def behaviour(_request: Any, _context: Any) -> None:
        await asyncio.Event().wait()

    async with served(behaviour) as (server, stub):
        call = asyncio.ensure_future(stub.GetSaga(VALID, timeout=60))
        await until(lambda: server.under_way == 1)

        await asyncio.wait_for(server.stop(), 3)

        error = await refused(call)
        assert (error.status, error.reason) == ("UNAVAILABLE", "UNAVAILABLE")


async def test_g3_a_process_that_hangs_on_stop_exits_hard() -> None:
    """Even if its loop is blocked."""
    imports = "import time\nfrom services.runtime.rpc.server import hard_exit_after"
    program = f"{imports}\nwith hard_exit_after(0.3): time.sleep(60)"

    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)

    assert await asyncio.wait_for(process.wait(), 15) == rpc.HARD_EXIT_STATUS


async def test_g6_more_calls_than_the_limit_are_turned_away_at_once(until: Until) -> None:
    """Never more at once than allowed; the rest hear RESOURCE_EXHAUSTED, and when to come again."""
    peak = 0
    go = asyncio.Event()

    async def behaviour(_request: Any, _context: Any) -> None:
        nonlocal peak
        peak = max(peak, server.under_way)
        await go.wait()

    async with served(behaviour, replace(SETTINGS, rpc_concurrent_max=2)) as (server, stub):
        for _ in range(3):
            go.clear()
            calls = [asyncio.ensure_future(stub.GetSaga(VALID, timeout=5)) for _ in range(10)]
            await until(partial(_count_done, calls, 8))
            go.set()
            results = await asyncio.gather(*calls, return_exceptions=True)
            errors = [from_rpc_error(r) for r in results if isinstance(r, grpc.aio.AioRpcError)]
            assert [(e.status, e.reason) for e in errors] == [("RESOURCE_EXHAUSTED", "OVERLOADED")] * 8

    assert peak == 2


def _count_done(calls: list[Any], count: int) -> bool:
    return [bool(call.done()) for call in calls].count(True) == count


async def test_g7_a_second_loop_is_refused() -> None:
    """gRPC has one poller per process."""
    check_process()
    code = """
import asyncio
import json
from services.runtime.ground.guards import check_process
async def check(): check_process()
first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
first.run_until_complete(check())
second.run_until_complete(check())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=subprocess.PIPE)
    _, errors = await process.communicate()
    assert b"one event loop per process" in errors


async def test_g9_nothing_forks() -> None:
    """Processes are started by exec; the start method fork is refused at the start."""
    forking = re.compile(r"os\.fork\(|set_start_method\(.fork|get_context\(.fork")
    assert [str(path) for path in Path("services").rglob("*.py") if forking.search(path.read_text())] == []  # noqa: ASYNC240

    code = """
import asyncio, multiprocessing
from services.runtime.ground.guards import check_process
multiprocessing.set_start_method("fork")
async def check(): check_process()
asyncio.run(check())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=subprocess.PIPE)
    _, errors = await process.communicate()
    assert b"spawn or exec" in errors


async def test_g10_pings_of_our_clients_are_welcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default the third ping on an idle connection (gRPC sends one a second at most) ends it; ours stays open."""
    assert rpc.KEEPALIVE_MS >= 2 * rpc.PING_MS_MIN
    monkeypatch.setattr(rpc, "PING_MS_MIN", 50)
    async with served(nothing) as (server, _):
        pinging = ("keepalive_time_ms", 200), ("keepalive_permit_without_calls", 1), ("http2.max_pings_without_data", 0)
        options = [(f"grpc.{name}", value) for name, value in pinging]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options=options) as opened:
            await opened.channel_ready()

            with pytest.raises(TimeoutError):
                await asyncio.wait_for(opened.wait_for_state_change(grpc.ChannelConnectivity.READY), 4)


async def test_g12_unavailable_is_tried_again_and_only_that() -> None:
    """By one layer, with the same request; a refusal is an answer."""
    asked: list[str] = []

    async def behaviour(request: pb.GetSagaRequest, _context: Any) -> None:
        asked.append(request.saga_id)
        if request.saga_id == "saga_no":
            raise FailedPrecondition("SAGA_STATE", "no")
        if len(asked) < 3:
            raise Unavailable("UNAVAILABLE", "not now")

    async with served(behaviour) as (_, stub):
        answer = await stub.GetSaga(VALID, timeout=5)
        error = await refused(stub.GetSaga(pb.GetSagaRequest(saga_id="saga_no"), timeout=5))

    assert answer.saga.saga_id == "saga_1"
    assert asked == ["saga_1"] * 3 + ["saga_no"]
    assert error.reason == "SAGA_STATE"


def _no_timeout(config: object) -> bool:
    if isinstance(config, dict):
        return "timeout" not in config and all(map(_no_timeout, config.values()))
    return all(map(_no_timeout, config)) if isinstance(config, list) else True


async def test_g12_no_service_config_carries_a_timeout() -> None:
    """It fires seconds early (grpc#40633)."""
    assert _no_timeout(json.loads(rpc.RETRY_UNAVAILABLE))


async def test_g12_a_client_without_a_timeout_gets_the_channels() -> None:
    """One interceptor gives it, so that no call waits for ever."""

    async def behaviour(_request: Any, _context: Any) -> None:
        await asyncio.Event().wait()

    async with served(behaviour) as (server, _):
        async with channel(f"127.0.0.1:{server.port}", 0.2) as opened:
            error = await refused(stubs.OperationsServiceStub(opened).GetSaga(VALID))

    assert error.status == "UNAVAILABLE" or error.reason == "DEADLINE_EXCEEDED"


async def test_p1_python_protobuf_is_refused() -> None:
    """Its recursion limit can be bypassed."""
    with pytest.raises(Defect, match="upb"):
        check_process(protobuf="python")
    check = "from services.runtime.ground.guards import check_process\nasync def c(): check_process()"
    code = f"import asyncio\n{check}\nasyncio.run(c())"
    environment = os.environ | {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-c", code, env=environment, stderr=subprocess.PIPE
    )

    assert b"not upb" in (await process.communicate())[1]


async def test_a12_an_old_kafka_client_is_refused() -> None:
    """Transactions stall on fail-over before 0.14."""
    with pytest.raises(Defect, match=r"older than 0\.14"):
        check_process(client="0.13.1")


DIRTY = ["nul\x00", "bell\x07", "new\nline", "\u202eto the left", "zero\u200bwidth", "e\u0301", "\x7f", "\ud7a4\u2066"]
CLEAN = ["", "ord_1", "退款 原因：尺码不合适", "é", "naïve – ok", "名\u3000字", "😀"]


@pytest.mark.parametrize("text", DIRTY, ids=ascii)
async def test_p3_unclean_text_is_refused_at_the_edge(text: str) -> None:
    """With the name of the field, before anything sees it; deep inside a message too."""
    request = pb.RetrySagaRequest(request_id=str(uuid4()), saga_id="saga_1", operator_id="ann", reason=text)

    assert not clean(text)
    assert flaw(request) == "reason"
    nested = pb.Saga(branches=[pb.SagaBranch(), pb.SagaBranch(reason=text)])
    assert flaw(pb.GetSagaResponse(saga=nested)) == "saga.branches.reason"
    async with served(nothing) as (_, stub):
        error = await refused(stub.RetrySaga(request, timeout=5))
    assert error.reason == "INVALID_ARGUMENT"
    assert "reason" in error.detail


@pytest.mark.parametrize("text", CLEAN, ids=ascii)
async def test_p3_ordinary_text_passes(text: str) -> None:
    """In any language."""
    assert clean(text)
    assert flaw(pb.RetrySagaRequest(reason=text)) == ""


async def test_p3_unknown_fields_are_dropped_before_the_handler() -> None:
    """Nothing that we do not know is hashed, signed or stored."""
    seen: list[bytes] = []

    async def behaviour(request: pb.GetSagaRequest, _context: Any) -> None:
        seen.append(request.SerializeToString())

    async with served(behaviour) as (server, _):
        async with channel(f"127.0.0.1:{server.port}", 5) as opened:
            call: Any = opened.unary_unary("/settlement.operations.v1.OperationsService/GetSaga")
            await call(VALID.SerializeToString() + b"\xf8\x07\x01", timeout=5)

    assert seen == [VALID.SerializeToString()]


async def test_a_broken_rule_names_its_field() -> None:
    """protovalidate runs in one place; its violations become a BadRequest."""
    async with served(nothing) as (_, stub):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetSaga(pb.GetSagaRequest(saga_id="order 7"), timeout=5)

    details = {type_name(d): d for d in full_status(caught.value).details}
    violations = error_details_pb2.BadRequest()
    details["google.rpc.BadRequest"].Unpack(violations)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [v.field for v in violations.field_violations] == ["saga_id"]


async def test_an_unknown_error_tells_nothing_but_where_to_look() -> None:
    """A fixed text and a correlation id; no class, path or SQL."""

    async def behaviour(_request: Any, _context: Any) -> None:
        raise RuntimeError("select secret from cards")

    async with served(behaviour) as (_, stub):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetSaga(VALID, timeout=5)

    status = full_status(caught.value)
    assert (caught.value.code(), status.message) == (grpc.StatusCode.INTERNAL, "internal error")
    assert b"secret" not in status.SerializeToString()
    assert b"correlation_id" in status.SerializeToString()


async def test_an_oversized_message_is_refused() -> None:
    """256 KiB, before it is parsed."""
    async with served(nothing) as (_, stub):
        error = await refused(stub.RetrySaga(pb.RetrySagaRequest(reason="x" * 300_000), timeout=5))

    assert error.status == "RESOURCE_EXHAUSTED"


async def test_reflection_is_off_unless_it_is_set() -> None:
    """The production profile does not list its services."""
    for on in (True, False):
        async with served(nothing, replace(SETTINGS, reflection=on)) as (server, _):
            async with channel(f"127.0.0.1:{server.port}", 5) as opened:
                ask = reflection_pb2.ServerReflectionRequest(list_services="")
                call = reflection_pb2_grpc.ServerReflectionStub(opened).ServerReflectionInfo(iter([ask]))
                if not on:
                    with pytest.raises(grpc.aio.AioRpcError):
                        await anext(aiter(call))
                else:
                    listed = {s.name for s in (await anext(aiter(call))).list_services_response.service}
                    assert "settlement.operations.v1.OperationsService" in listed
                    call.cancel()


def full_status(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """The google.rpc.Status of an error."""
    status = status_in(error)
    assert status is not None
    return status


def type_name(detail: Any) -> str:
    """Which message a detail is."""
    return str(detail.TypeName())
