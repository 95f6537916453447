"""800 customers wait for an end at the same time, and few may read: what was accepted is never answered with a refusal
(findings: proto_waiters)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import asyncpg
import grpc
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration

from services.credit_ledger.__main__ import SERVICE as CREDIT_LEDGER
from services.order.__main__ import SERVICE as ORDER
from services.runtime.ground.migrations import migrate
from services.runtime.ground.settings import Settings
from services.runtime.process import Process
from settlement.credit_ledger.v1.credit_service_pb2_grpc import CreditServiceStub
from settlement.order.v1 import order_service_pb2, settlement_pb2
from settlement.order.v1.order_service_pb2_grpc import OrderServiceStub
from tests.recorded.requests import CREDIT, Customer, cancel
from tests.services.runtime.mock_cluster import MockCluster
from tests.settle.audit.scratch import server

CUSTOMERS = 800
PARTITIONS = 8
WAIT = Duration(seconds=60)
SECONDS_MAX = 90.0


@dataclass(frozen=True, slots=True)
class House:
    """The order service, with room for two readers and four who wait, and the credit ledger, through their methods."""

    orders: Any
    credit: Any
    dsn: str

    async def place(self, customer: Customer) -> order_service_pb2.PlaceOrderResponse:
        """The order of a customer, once it is placed."""
        request = customer.order(f"ord_{customer.id}", (("L1", 1, 10_000),), {CREDIT: 10_000}, wait_timeout=WAIT)
        request.request_id = str(uuid4())
        placed: order_service_pb2.PlaceOrderResponse = await self.orders.PlaceOrder(request, timeout=SECONDS_MAX)
        return placed

    async def cancel(self, request: order_service_pb2.CancelOrderRequest) -> order_service_pb2.CancelOrderResponse:
        """The cancellation, as far as the request waits for it."""
        told: order_service_pb2.CancelOrderResponse = await self.orders.CancelOrder(request, timeout=SECONDS_MAX)
        return told

    async def look(self, settlement_id: str) -> order_service_pb2.GetSettlementResponse:
        """A settlement, by a call that would wait for its end."""
        request = order_service_pb2.GetSettlementRequest(settlement_id=settlement_id, wait_timeout=WAIT)
        seen: order_service_pb2.GetSettlementResponse = await self.orders.GetSettlement(request, timeout=SECONDS_MAX)
        return seen

    async def watch(self, settlement_id: str) -> order_service_pb2.WatchSettlementResponse:
        """The first that somebody sees who watches a settlement."""
        request = order_service_pb2.WatchSettlementRequest(settlement_id=settlement_id)
        stream = self.orders.WatchSettlement(request, timeout=SECONDS_MAX)
        seen: order_service_pb2.WatchSettlementResponse = await anext(aiter(stream))
        return seen


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """A server of this module's own."""
    with server() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def house(dsn: str) -> AsyncIterator[House]:
    """Both in this process, over a mock broker."""
    cluster = MockCluster()
    started: dict[str, Process] = {}
    async with AsyncExitStack() as stack:
        stack.callback(cluster.close)
        admin = await asyncpg.connect(f"{dsn}/postgres")
        stack.push_async_callback(admin.close)
        for name in ("order", "credit_ledger", "card_redemption"):
            for stream in ("commands", "replies", "events"):
                cluster.create_topic(f"settlement.{name}.{stream}.v1", PARTITIONS)
        for service in (CREDIT_LEDGER, ORDER):
            await admin.execute(f'create database "{service.name}"')
            settings = Settings(
                service.name, dsn=f"{dsn}/{service.name}", kafka=cluster.bootstrap, partitions=PARTITIONS,
                environ={"SETTLE_ACQUIRER_TARGET": "127.0.0.1:1"},
            )
            if service is ORDER:
                settings = replace(settings, pool_connections_max=2, pool_waiting_max=4)
            await migrate(settings.dsn, [service.migrations])
            started[service.name] = Process(service, settings)
            await started[service.name].start()
            stack.push_async_callback(started[service.name].stop)
        channels = {
            name: await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{process._server.port}"))
            for name, process in started.items()
        }
        yield House(OrderServiceStub(channels["order"]), CreditServiceStub(channels["credit_ledger"]), f"{dsn}/order")


@pytest_asyncio.fixture(loop_scope="session")
async def customers(house: House) -> list[Customer]:
    """So many, each with an account."""
    found, gate = [Customer(f"w{number}") for number in range(CUSTOMERS)], asyncio.Semaphore(100)

    async def open_account(customer: Customer) -> None:
        request = customer.opening(1_000_000)
        request.request_id = str(uuid4())
        async with gate:
            await house.credit.OpenAccount(request, timeout=SECONDS_MAX)

    await asyncio.gather(*(open_account(customer) for customer in found))
    return found


async def told(calls: Iterable[Awaitable[Any]]) -> Counter[str]:
    """What calls that are made at the same time hear: the state of their settlement, or why they are refused."""

    async def one(call: Awaitable[Any]) -> str:
        try:
            state = (await call).settlement.state
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name} {error.details()}"
        return settlement_pb2.SettlementState.Name(state).removeprefix("SETTLEMENT_STATE_")

    return Counter(await asyncio.gather(*(one(call) for call in calls)))


async def test_800_waiting_calls_all_hear_the_end_of_what_they_began(house: House, customers: list[Customer]) -> None:
    """Orders are placed, then cancelled, each by a call that waits; who asks again hears the end too, and so does who
    waits for it or watches it by its id. Before, hundreds were told that there are too many readers, though all took
    effect."""
    orders = {f"ord_{customer.id}": str(uuid4()) for customer in customers}

    placed = await told(house.place(customer) for customer in customers)
    waiting = [cancel(order_id, request_id=asked, wait_timeout=WAIT) for order_id, asked in orders.items()]
    first = await told(house.cancel(request) for request in waiting)
    again = await told(house.cancel(cancel(order_id, request_id=asked)) for order_id, asked in orders.items())
    connection = await asyncpg.connect(house.dsn)
    settlements = [row[0] for row in await connection.fetch("select id from sagas where kind = 'cancellation'")]
    states = await connection.fetch("select state, count(*) from orders group by 1")
    await connection.close()
    looked = await told(look(settlement) for settlement in settlements for look in (house.look, house.watch))

    assert placed == Counter(DONE=CUSTOMERS)
    assert (first, again) == (Counter(DONE=CUSTOMERS), Counter(DONE=CUSTOMERS))
    assert looked == Counter(DONE=2 * CUSTOMERS)
    assert [tuple(row) for row in states] == [("CANCELLED", CUSTOMERS)]
