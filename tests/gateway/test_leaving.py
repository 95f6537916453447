"""A gateway that stops: callers and watchers hear what they can act on before their connections go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import httpx2

from settle.local import ports
from settlement.order.v1 import order_service_pb2, order_service_pb2_grpc
from tests.gateway.conftest import PlayedOrders, before


class SilentOrders(PlayedOrders):
    """Whoever watches hears of the first step only."""

    async def WatchSettlement(
        self, request: Any, context: Any
    ) -> AsyncIterator[order_service_pb2.WatchSettlementResponse]:
        """One step."""
        async for step in super().WatchSettlement(request, context):
            yield step
            await asyncio.Event().wait()


async def test_who_watches_and_who_calls_are_told() -> None:
    """The watcher by an event, at once; the caller by its answer, after which the connection is closed in order."""
    server = grpc.aio.server()
    order_service_pb2_grpc.add_OrderServiceServicer_to_server(SilentOrders(), server)  # type: ignore[abstract]
    port, heard = server.add_insecure_port(f"{ports.HOST}:0"), list[str]()
    await server.start()
    async with AsyncExitStack() as gateway:
        url = await gateway.enter_async_context(before(port))
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
            await http.get("/v1/orders/ord_1")
            async with http.stream("GET", "/v1/settlements/saga_1:watch") as watching:
                lines = watching.aiter_lines()
                heard.append(await anext(lines))
                stopping = asyncio.create_task(gateway.aclose())
                await asyncio.sleep(0)
                heard += [line async for line in lines]
            answer = await http.get("/v1/orders/ord_1")
            await stopping
    await server.stop(None)

    assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
    assert [line for line in heard if line.startswith("event: ")] == ["event: message", "event: error"]
    assert any('"UNAVAILABLE"' in line and "RetryInfo" in line for line in heard)
