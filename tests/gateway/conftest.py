"""A gateway on a free port before a service that is played: it answers what a test wants it to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx2
import pytest
import uvicorn

from gateway.app import Gateway
from gateway.calling import Services
from gateway.connections import Connection
from gateway.contract import SERVICES
from gateway.leaving import LeavingServer
from services.kernel.errors import SettlementError
from services.runtime.ground.settings import Settings
from services.runtime.rpc.errors import abort_with
from settle.local import ports
from settlement.order.v1 import order_pb2, order_service_pb2, order_service_pb2_grpc, settlement_pb2


@dataclass
class PlayedOrders(order_service_pb2_grpc.OrderServiceServicer):
    """Remembers what it was asked, with which metadata and time; `refuses` is what it answers instead."""

    refuses: SettlementError | None = None
    steps: int = 3
    asked: list[Any] = field(default_factory=list)  # Any: requests of several methods
    metadata: dict[str, Any] = field(default_factory=dict)  # Any: text, or bytes
    seconds: float = 0.0

    async def _note(self, request: Any, context: Any) -> None:  # Any: a request and a context of gRPC
        self.asked.append(request)
        self.metadata = dict(context.invocation_metadata())
        self.seconds = context.time_remaining() or 0.0
        if self.refuses is not None:
            await abort_with(context, self.refuses)

    async def GetOrder(self, request: Any, context: Any) -> order_service_pb2.GetOrderResponse:
        """An order at version 7."""
        await self._note(request, context)
        return order_service_pb2.GetOrderResponse(order=order_pb2.Order(order_id=request.order_id, version=7))

    async def CancelOrder(self, request: Any, context: Any) -> order_service_pb2.CancelOrderResponse:
        """A settlement that is under way."""
        await self._note(request, context)
        return order_service_pb2.CancelOrderResponse(settlement=settlement_pb2.Settlement(order_id=request.order_id))

    async def WatchSettlement(
        self, request: Any, context: Any
    ) -> AsyncIterator[order_service_pb2.WatchSettlementResponse]:
        """So many steps."""
        await self._note(request, context)
        for version in range(1, self.steps + 1):
            settlement = settlement_pb2.Settlement(settlement_id=request.settlement_id, version=version)
            yield order_service_pb2.WatchSettlementResponse(settlement=settlement)


@dataclass
class Played:
    """The service behind, and a client of the gateway before it."""

    orders: PlayedOrders
    http: httpx2.AsyncClient
    url: str


@pytest.fixture
async def played() -> AsyncIterator[Played]:
    """A service of its own for each test."""
    orders, server = PlayedOrders(), grpc.aio.server()  # type: ignore[abstract]  # what is not played is UNIMPLEMENTED
    order_service_pb2_grpc.add_OrderServiceServicer_to_server(orders, server)
    port = server.add_insecure_port(f"{ports.HOST}:0")
    await server.start()
    async with before(port) as url, httpx2.AsyncClient(base_url=url, trust_env=False) as http:
        yield Played(orders, http, url)
    await server.stop(None)


@asynccontextmanager
async def before(
    port: int, connection: type[Connection] = Connection, **settings: Any  # Any: each setting has its type
) -> AsyncIterator[str]:
    """A gateway whose services are all at this port; its URL."""
    [own] = ports.free_ports(1)
    async with Services(dict.fromkeys(SERVICES, f"{ports.HOST}:{port}")) as services:
        gateway = Gateway(Settings("gateway", **settings), services)
        config = uvicorn.Config(
            gateway.application(), host=ports.HOST, port=own, http=connection, lifespan="off", log_config=None,
            access_log=False,
        )
        async with serving(LeavingServer(config, gateway.leaving)):
            yield f"http://{ports.HOST}:{own}"


@asynccontextmanager
async def serving(server: uvicorn.Server) -> AsyncIterator[None]:
    """The server without its hold on signals, which belong to the tests."""
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    try:
        yield
    finally:
        await server.shutdown()
