"""The lists of the order service page by page, over real rows: each once, in order, and no page more than there is."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from services.order.domain.commands import ConfirmShipment, RefundAmount, RejectReturn, RequestReturn
from services.order.rpc.after_sale import AfterSaleServicer
from services.order.rpc.orders import OrderServicer
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from settlement.order.v1 import after_sale_service_pb2, order_service_pb2
from tests.services.order.shop import Shop
from tests.services.order.world import ORDER_ID, TWO, units

List = Callable[[Any, Any], Awaitable[Any]]


class ReadingEdge:
    """What a list needs of the runtime: the shop's own connection."""

    settings = Settings("order")

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """Tests do one thing at a time."""
        yield self._shop.connection


async def pages(ask: List, request: Any) -> list[Any]:
    """The answers of a list, from the first page to the last."""
    found = []
    while True:
        found.append(await ask(request, None))
        request.page_token = found[-1].next_page_token
        if not request.page_token:
            return found


async def test_orders_come_latest_first_two_on_a_page(shop: Shop) -> None:
    """Two of them were placed at the same instant."""
    for number in range(5):
        shop.now += timedelta(minutes=number % 2)
        await shop.ask(f"ord_{number}", replace(TWO, order_id=f"ord_{number}", customer_id="cus_1"))
        await shop.settle()
    edge: Any = ReadingEdge(shop)

    found = await pages(
        OrderServicer(edge).ListOrders, order_service_pb2.ListOrdersRequest(customer_id="cus_1", page_size=2)
    )

    shown = [[order.order_id for order in page.orders] for page in found]
    assert shown == [["ord_4", "ord_3"], ["ord_2", "ord_1"], ["ord_0"]]


async def test_settlements_and_returns_come_oldest_first(shop: Shop) -> None:
    """A page that is just full is the last one if nothing follows."""
    await shop.ask(ORDER_ID, TWO)
    await shop.settle()
    await shop.ask(ORDER_ID, ConfirmShipment(ORDER_ID))
    await shop.settle()
    cases = []
    for _ in range(2):
        case = await shop.ask(ORDER_ID, RequestReturn(ORDER_ID, units(L1=1)))
        await shop.ask(ORDER_ID, RejectReturn(ORDER_ID, case.return_id, "worn"))
        cases.append(case.return_id)
        shop.now += timedelta(minutes=1)
    for amount in (100, 200):
        await shop.ask(ORDER_ID, RefundAmount(ORDER_ID, amount))
        await shop.settle()
    edge: Any = ReadingEdge(shop)

    returns = await pages(
        AfterSaleServicer(edge).ListReturns, after_sale_service_pb2.ListReturnsRequest(order_id=ORDER_ID, page_size=1)
    )
    settlements = await pages(
        OrderServicer(edge).ListSettlements, order_service_pb2.ListSettlementsRequest(order_id=ORDER_ID, page_size=2)
    )

    assert [[case.return_id for case in page.return_cases] for page in returns] == [[cases[0]], [cases[1]]]
    assert [len(page.settlements) for page in settlements] == [2, 2]
    assert [settlement.amount.minor_units for page in settlements for settlement in page.settlements][2:] == [100, 200]
