"""A stream whose reader takes nothing: it ends, and says why behind what he left lying."""

import asyncio
from collections.abc import AsyncIterator
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


class Reader:
    """Takes one answer, and then nothing until it `reads_on`."""

    def __init__(self, opened: grpc.aio.Channel) -> None:
        self._call = order_service_pb2_grpc.OrderServiceStub(opened).WatchSettlement(WATCHED)

    async def begin(self) -> int:
        """The number of the first answer."""
        return int((await self._call.read()).settlement.version)

    async def reads_on(self) -> tuple[int, SettlementError]:
        """How many more answers there were, and the error that came behind them."""
        count = 0
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            while await self._call.read() is not grpc.aio.EOF:
                count += 1
        return count, from_rpc_error(caught.value)


@pytest.mark.parametrize("seconds", [0.0, 2 * HEARD_SECONDS], ids=["soon", "when nobody waits for him any more"])
async def test_who_takes_nothing_hears_why_it_ended(until: Until, seconds: float) -> None:
    """All that was said comes first. What was said and not taken is little, and the call's place is free at once."""
    endless, server = Endless(), RpcServer(BRIEF)
    server.add(endless)
    port = await server.start()
    async with channel(f"127.0.0.1:{port}") as opened:
        reader = Reader(opened)
        assert await reader.begin() == 1

        await until(lambda: endless.left)
        await asyncio.sleep(seconds)
        count, told = await reader.reads_on()

    assert (told.status, told.reason) == ("UNAVAILABLE", "UNAVAILABLE")
    assert "no answer was taken" in told.detail
    assert endless.said - 2 <= count <= endless.said <= 400
    await until(lambda: server.under_way == 0)
    await server.stop()


async def test_who_reads_slowly_is_not_cut_off(until: Until) -> None:
    """What counts is that something is taken, not how much."""
    endless, server = Endless(), RpcServer(BRIEF)
    server.add(endless)
    port = await server.start()
    async with channel(f"127.0.0.1:{port}") as opened:
        call = order_service_pb2_grpc.OrderServiceStub(opened).WatchSettlement(WATCHED)
        for _ in range(2):
            full = endless.said = 0
            while endless.said != full or not full:  # until no more goes out without being taken
                full = endless.said
                await asyncio.sleep(0.05)
            for _ in range(full):
                await call.read()
        assert not endless.left
        call.cancel()
    await server.stop()


async def test_a_stop_ends_a_stream_that_nobody_reads(until: Until) -> None:
    """At once, and its reader hears the end of the process."""
    endless, server = Endless(), RpcServer(PATIENT)
    server.add(endless)
    port = await server.start()
    async with channel(f"127.0.0.1:{port}") as opened:
        reader = Reader(opened)
        await reader.begin()

        async with asyncio.timeout(PATIENT.drain_seconds / 2):
            await server.drain()
        _, told = await reader.reads_on()

    assert (told.status, told.reason) == ("UNAVAILABLE", "UNAVAILABLE")
    assert "stopping" in told.detail
    await server.stop()


async def test_the_time_of_a_stream_ends_though_nobody_reads(until: Until) -> None:
    """With its own reason."""
    endless = Endless()
    server = RpcServer(Settings("test", reflection=False, drain_seconds=0.5, stream_seconds_max=0.3))
    server.add(endless)
    port = await server.start()
    async with channel(f"127.0.0.1:{port}") as opened:
        reader = Reader(opened)
        await reader.begin()

        await until(lambda: endless.left)
        _, told = await reader.reads_on()

    assert told.reason == "DEADLINE_EXCEEDED"
    await server.stop()
