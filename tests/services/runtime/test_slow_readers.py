"""A stream whose reader takes nothing: it ends, and says why behind what he left lying."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from services.kernel.errors import SettlementError
from services.runtime.ground.settings import Settings
from services.runtime.rpc.errors import from_rpc_error
from services.runtime.rpc.server import RpcServer, channel
from services.runtime.rpc.taking import HEARD_SECONDS
from settlement.order.v1 import order_service_pb2 as pb
from settlement.order.v1 import order_service_pb2_grpc, settlement_pb2
from tests.services.runtime.conftest import Until

WATCHED = pb.WatchSettlementRequest(settlement_id="saga_1")
NOTE = "x" * 50_000
BRIEF = Settings("test", reflection=False, drain_seconds=5.0, stream_untaken_seconds_max=0.3)
PATIENT = Settings("test", reflection=False, drain_seconds=5.0)


class Endless(order_service_pb2_grpc.OrderServiceServicer):
    """Has always more to say."""

    def __init__(self) -> None:
        self.said, self.left = 0, False

    async def WatchSettlement(
        self, request: pb.WatchSettlementRequest, context: Any  # Any: a context of gRPC
    ) -> AsyncIterator[pb.WatchSettlementResponse]:
        """Say it."""
        try:
            while True:
                self.said += 1
                yield pb.WatchSettlementResponse(settlement=settlement_pb2.Settlement(order_id=NOTE, version=self.said))
        finally:
            self.left = True


@asynccontextmanager
async def served(settings: Settings = BRIEF) -> AsyncIterator[tuple[Endless, RpcServer, grpc.aio.Channel]]:
    """Such a service, its server and a channel to it."""
    endless, server = Endless(), RpcServer(settings)  # type: ignore[abstract]  # the others are not called
    server.add(endless)
    port = await server.start()
    async with channel(f"127.0.0.1:{port}") as opened:
        yield endless, server, opened
    await server.stop()


class Reader:
    """Takes one answer, and then nothing until it `reads_on`."""

    def __init__(self, opened: grpc.aio.Channel) -> None:
        self._call = order_service_pb2_grpc.OrderServiceStub(opened).WatchSettlement(WATCHED)

    async def begin(self) -> int:
        """The number of the first answer."""
        first: Any = await self._call.read()
        return int(first.settlement.version)

    async def reads_on(self) -> tuple[int, SettlementError]:
        """How many more answers there were, and the error that came behind them."""
        count = 0
        try:
            while await self._call.read() is not grpc.aio.EOF:
                count += 1
        except grpc.aio.AioRpcError as error:
            return count, from_rpc_error(error)
        raise AssertionError("the stream ended as if all had been said")


@pytest.mark.parametrize("seconds", [0.0, 2 * HEARD_SECONDS], ids=["soon", "when nobody waits for him any more"])
async def test_who_takes_nothing_hears_why_it_ended(until: Until, seconds: float) -> None:
    """All that was said comes first. What was said and not taken is little, and the call's place is free at once."""
    async with served() as (endless, server, opened):
        reader = Reader(opened)
        assert await reader.begin() == 1

        await until(lambda: endless.left)
        await asyncio.sleep(seconds)
        count, told = await reader.reads_on()
        await until(lambda: server.under_way == 0)

    assert (told.status, told.reason) == ("UNAVAILABLE", "UNAVAILABLE")
    assert "no answer was taken" in told.detail
    assert endless.said - 2 <= count <= endless.said <= 400


async def test_who_reads_slowly_is_not_cut_off() -> None:
    """What counts is that something is taken, not how much."""
    async with served(BRIEF) as (endless, _, opened):
        call = order_service_pb2_grpc.OrderServiceStub(opened).WatchSettlement(WATCHED)
        taken = 0
        ends = asyncio.get_running_loop().time() + 4 * BRIEF.stream_untaken_seconds_max
        while asyncio.get_running_loop().time() < ends:
            for _ in range(endless.said - taken):
                await call.read()
                taken += 1
            await asyncio.sleep(BRIEF.stream_untaken_seconds_max / 6)

        assert not endless.left
        call.cancel()


async def test_a_stop_ends_a_stream_that_nobody_reads() -> None:
    """At once, and its reader hears the end of the process."""
    async with served(PATIENT) as (_, server, opened):
        reader = Reader(opened)
        await reader.begin()

        async with asyncio.timeout(PATIENT.drain_seconds / 2):
            await server.drain()
        _, told = await reader.reads_on()

    assert (told.status, told.reason) == ("UNAVAILABLE", "UNAVAILABLE")
    assert "stopping" in told.detail


async def test_the_time_of_a_stream_ends_though_nobody_reads(until: Until) -> None:
    """With its own reason."""
    short = Settings("test", reflection=False, drain_seconds=0.5, stream_seconds_max=0.3)
    async with served(short) as (endless, _, opened):
        reader = Reader(opened)
        await reader.begin()

        await until(lambda: endless.left)
        _, told = await reader.reads_on()

    assert told.reason == "DEADLINE_EXCEEDED"
