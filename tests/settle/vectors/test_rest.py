"""The wait for rest, against services that say what the test tells them to."""

from collections.abc import AsyncIterator

import grpc
import pytest

from services.kernel.errors import Unavailable
from services.runtime.rpc.calls import Context
from services.runtime.rpc.errors import abort_with
from settle.client import engine as engine_module
from settle.client.calls import Fault, Outage
from settle.client.engine import COUNTS, SERVICES, Engine
from settlement.operations.v1 import operations_service_pb2 as pb
from settlement.operations.v1 import operations_service_pb2_grpc as rpc


class Scripted(rpc.OperationsServiceServicer):
    """Answers its script, the last line for ever; counts how often it was asked. The first `outages` have no answer."""

    def __init__(self) -> None:
        self.script = [pb.GetActivityResponse(service="order", idle=True)]
        self.asked = 0
        self.outages = 0

    async def GetActivity(self, request: pb.GetActivityRequest, context: Context) -> pb.GetActivityResponse:
        """The next line."""
        self.asked += 1
        if self.asked <= self.outages:
            await abort_with(context, Unavailable("UNAVAILABLE", "the database does not answer"))
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


@pytest.fixture
async def scripted() -> AsyncIterator[tuple[Engine, Scripted]]:
    """An engine whose three services are one scripted server."""
    server, servicer = grpc.aio.server(), Scripted()  # type: ignore[abstract]  # only one method is asked for
    rpc.add_OperationsServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    engine = Engine(dict.fromkeys(SERVICES, f"127.0.0.1:{port}"))
    yield engine, servicer
    await engine.close()
    await server.stop(None)


async def test_rest_is_said_twice(scripted: tuple[Engine, Scripted]) -> None:
    """One busy answer begins the count anew."""
    engine, servicer = scripted
    idle, busy = pb.GetActivityResponse(idle=True), pb.GetActivityResponse(queued=1)
    servicer.script = [idle, idle, idle, idle, busy, idle, idle]

    await engine.rest()

    assert servicer.asked == 4 * len(SERVICES)


@pytest.mark.parametrize("count", COUNTS)
async def test_whatever_is_under_way_is_waited_for(scripted: tuple[Engine, Scripted], count: str) -> None:
    """Events that were being published again were not."""
    engine, servicer = scripted
    fields = pb.GetActivityResponse.DESCRIPTOR.fields_by_name
    assert set(COUNTS) == {*fields} - {"service", "now", "idle", "parked", "open_actions"}
    idle, busy = pb.GetActivityResponse(idle=True), pb.GetActivityResponse()
    setattr(busy, count, 1)
    servicer.script = [busy, idle]

    await engine.rest()

    assert servicer.asked == 3 * len(SERVICES)


async def test_what_never_rests_is_not_waited_for_twice(
    scripted: tuple[Engine, Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first wait names it and fails; later ones let it be, until something more is under way."""
    engine, servicer = scripted
    monkeypatch.setattr(engine_module, "REST_SECONDS", 0.05)
    servicer.script = [pb.GetActivityResponse(service="order", open_sagas=1)]
    with pytest.raises(Fault, match="order open_sagas=1"):
        await engine.rest()

    await engine.rest()

    servicer.script = [pb.GetActivityResponse(service="order", open_sagas=2)]
    with pytest.raises(Fault, match="order open_sagas=2"):
        await engine.rest()


async def test_parked_messages_fail_those_who_wait(scripted: tuple[Engine, Scripted]) -> None:
    """Only what was parked since the run began."""
    engine, servicer = scripted
    servicer.script = [pb.GetActivityResponse(idle=True, parked=1)]
    await engine.begin()
    await engine.rest()
    servicer.script = [pb.GetActivityResponse(idle=True, parked=2)]

    with pytest.raises(Fault, match="parked"):
        await engine.rest()
    await engine.rest()


async def test_who_cannot_answer_for_now_is_asked_again(scripted: tuple[Engine, Scripted]) -> None:
    """An outage that passes fails no case."""
    engine, servicer = scripted
    servicer.outages = 2

    await engine.rest()

    assert servicer.asked > 2 * len(SERVICES)


async def test_an_outage_that_lasts_is_said(
    scripted: tuple[Engine, Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it has had as long as a rest may take."""
    engine, servicer = scripted
    monkeypatch.setattr(engine_module, "REST_SECONDS", 0.3)
    servicer.outages = 1_000

    with pytest.raises(Outage, match="the database does not answer"):
        await engine.rest()

    assert servicer.asked > len(SERVICES)
