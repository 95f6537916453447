"""Who opens a stream of events and does not read it: cut off, and told why behind what is left lying."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import grpc

from settle.local import ports
from settlement.order.v1 import order_service_pb2, order_service_pb2_grpc, settlement_pb2
from tests.gateway.conftest import PlayedOrders, before

WATCH = b"GET /v1/settlements/saga_1:watch HTTP/1.1\r\nHost: x\r\n\r\n"
NOTE = "x" * 50_000
SECONDS_MAX = 30.0


class Endless(PlayedOrders):
    """Has always more to say, until nobody listens."""

    def __init__(self) -> None:
        super().__init__()
        self.left = asyncio.Event()

    async def WatchSettlement(
        self, request: Any, context: Any
    ) -> AsyncIterator[order_service_pb2.WatchSettlementResponse]:
        """Say it."""
        try:
            while True:
                yield order_service_pb2.WatchSettlementResponse(settlement=settlement_pb2.Settlement(order_id=NOTE))
        finally:
            self.left.set()


@asynccontextmanager
async def endless() -> AsyncIterator[tuple[Endless, int]]:
    """Such a service, and its port."""
    orders, server = Endless(), grpc.aio.server()  # type: ignore[abstract]  # the others are not called
    order_service_pb2_grpc.add_OrderServiceServicer_to_server(orders, server)
    port = server.add_insecure_port(f"{ports.HOST}:0")
    await server.start()
    yield orders, port
    await server.stop(None)


async def _watch(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A watcher that has read the first line."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(WATCH)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    return reader, writer


def _last(said: bytes) -> bytes:
    """The last event of a stream, which ended as it should."""
    assert said.endswith(b"\r\n0\r\n\r\n")
    return said[said.rindex(b"event: ") :]


async def test_who_reads_nothing_is_cut_off_and_told() -> None:
    """The service behind is left, too."""
    async with asyncio.timeout(SECONDS_MAX), endless() as (orders, port):
        async with before(port, stream_untaken_seconds_max=0.3) as url:
            reader, writer = await _watch(url)
            await orders.left.wait()
            last = _last(await reader.read(-1))
            writer.close()

    assert last.startswith(b"event: error\n")
    assert b'"UNAVAILABLE"' in last
    assert b"no answer was taken" in last


async def test_who_reads_nothing_hears_that_the_gateway_stops() -> None:
    """At once, and not only when its time is over."""
    async with asyncio.timeout(SECONDS_MAX), endless() as (orders, port), AsyncExitStack() as gateway:
        url = await gateway.enter_async_context(before(port))
        reader, writer = await _watch(url)
        await asyncio.sleep(0.5)
        stopping = asyncio.create_task(gateway.aclose())
        await orders.left.wait()
        last = _last(await reader.read(-1))
        await stopping
        writer.close()

    assert last.startswith(b"event: error\n")
    assert b'"UNAVAILABLE"' in last
    assert b"is stopping" in last
