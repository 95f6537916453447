"""OrderService: what reads orders and settlements."""

from collections.abc import AsyncIterator

from services.kernel.errors import InvalidArgument, NotFound
from services.order.rpc.explaining import explained
from services.order.rpc.quoting import Quoting
from services.order.rpc.reading import read_order, read_settlement, settlement_of
from services.order.store.reads import find_order, list_orders, list_runs
from services.order.wire.orders import order_message
from services.order.wire.scalars import KINDS, ORDER_STATES
from services.order.wire.settlements import settlement_message
from services.runtime.ground.paging import FIRST, LAST, page_of
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from settlement.order.v1 import order_service_pb2 as pb


class OrderViews:
    """The reads of OrderService."""

    edge: Edge
    quoting: Quoting

    async def GetOrder(self, request: pb.GetOrderRequest, context: Context) -> pb.GetOrderResponse:
        """Show an order; somebody else's and none look alike."""
        order = await read_order(self.edge, context, request.order_id, request.customer_id, request.min_version)
        return pb.GetOrderResponse(order=order_message(order))

    async def ListOrders(self, request: pb.ListOrdersRequest, context: Context) -> pb.ListOrdersResponse:
        """List the orders of a customer or a merchant, the latest first."""
        if not request.customer_id and not request.merchant_id:
            raise InvalidArgument("INVALID_ARGUMENT", "name a customer or a merchant", {"field": "customer_id"})
        state = ORDER_STATES.from_wire[request.state].value if request.state else ""
        page = page_of(request, LAST)
        async with self.edge.read() as connection:
            found = await list_orders(
                connection, request.customer_id, request.merchant_id, state, before=page.after, limit=page.limit
            )
        orders, following = page.cut(found, lambda order: (order.placed_at, order.id), order_message)
        return pb.ListOrdersResponse(orders=orders, next_page_token=following)

    async def QuoteRefund(self, request: pb.QuoteRefundRequest, context: Context) -> pb.QuoteRefundResponse:
        """Promise the full result of a cancel or a refund for a while (U1)."""
        return pb.QuoteRefundResponse(quote=await self.quoting.quote(request, context))

    async def GetSettlement(self, request: pb.GetSettlementRequest, context: Context) -> pb.GetSettlementResponse:
        """Show a settlement, after its end if the caller waits for that."""
        seconds = request.wait_timeout.seconds + request.wait_timeout.nanos / 1e9
        since = max(request.min_version - 1, 0)
        step = await self.edge.awaited(request.settlement_id, seconds, context, since)
        if step is not None:
            return pb.GetSettlementResponse(settlement=settlement_of(step))
        settlement = await read_settlement(self.edge, context, request.settlement_id, request.min_version)
        return pb.GetSettlementResponse(settlement=settlement)

    async def ListSettlements(
        self, request: pb.ListSettlementsRequest, context: Context
    ) -> pb.ListSettlementsResponse:
        """List the settlements of an order, the oldest first."""
        kind = KINDS.from_wire[request.kind].value if request.kind else ""
        page = page_of(request, FIRST)
        async with self.edge.read() as connection:
            order = await find_order(connection, request.order_id)
            runs = await list_runs(connection, request.order_id, kind, page.after, page.limit)
        if order is None:
            return pb.ListSettlementsResponse()
        settlements, following = page.cut(
            runs, lambda run: (run.started_at, run.id), lambda run: settlement_message(run, order)
        )
        return pb.ListSettlementsResponse(settlements=settlements, next_page_token=following)

    async def WatchSettlement(
        self, request: pb.WatchSettlementRequest, context: Context
    ) -> AsyncIterator[pb.WatchSettlementResponse]:
        """Show a settlement now and after each change, until its end."""
        told = False
        async for step in self.edge.watch(request.settlement_id):
            told = True
            yield pb.WatchSettlementResponse(settlement=settlement_of(step))
        if not told:
            raise NotFound("SETTLEMENT_NOT_FOUND", f"there is no settlement {request.settlement_id}")

    async def ExplainSettlement(
        self, request: pb.ExplainSettlementRequest, context: Context
    ) -> pb.ExplainSettlementResponse:
        """Explain a settlement from its lines to its instalments (U2)."""
        async with self.edge.read() as connection:
            return await explained(connection, request.settlement_id)
