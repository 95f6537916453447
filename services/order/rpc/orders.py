"""OrderService: what changes orders. Every command goes to the lane of its order."""

import asyncio

from services.kernel.errors import SettlementError
from services.order.domain.commands import ConfirmDelivery
from services.order.domain.order import Order
from services.order.domain.quotes import QuoteContent
from services.order.rpc import requests
from services.order.rpc.order_views import OrderViews
from services.order.rpc.quoting import Quoting, accepted
from services.order.rpc.reading import keep_if_ended, last_step, settlement_of, wait_and_keep
from services.order.wire.orders import order_message
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from settlement.order.v1 import order_service_pb2 as pb
from settlement.order.v1 import order_service_pb2_grpc as rpc


class OrderServicer(OrderViews, rpc.OrderServiceServicer):
    """The commands of OrderService; `OrderViews` has its reads."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.quoting = Quoting(edge)

    async def PlaceOrder(self, request: pb.PlaceOrderRequest, context: Context) -> pb.PlaceOrderResponse:
        """Place an order by reserving all its tenders (OR-5)."""
        body = requests.place_order(request)
        answer: pb.PlaceOrderResponse = await self.edge.ask(context, request, key=body.order_id, body=body)
        step = await last_step(self.edge, context, request, answer.settlement)
        order = step.find(Order, body.order_id) if step is not None else None
        if step is None or order is None:
            return answer
        settled = pb.PlaceOrderResponse(order=order_message(order), settlement=settlement_of(step))
        return await keep_if_ended(self.edge, request, answer, settled)

    async def ConfirmShipment(
        self, request: pb.ConfirmShipmentRequest, context: Context
    ) -> pb.ConfirmShipmentResponse:
        """Confirm a shipment, which captures its share of the tenders (OR-4)."""
        body = requests.confirm_shipment(request)
        settlement = await self.edge.ask(context, request, key=body.order_id, body=body)
        return pb.ConfirmShipmentResponse(settlement=await wait_and_keep(self.edge, context, request, settlement))

    async def ConfirmDelivery(
        self, request: pb.ConfirmDeliveryRequest, context: Context
    ) -> pb.ConfirmDeliveryResponse:
        """Confirm that the order arrived (DOMAIN 2.1)."""
        body = ConfirmDelivery(request.order_id)
        return pb.ConfirmDeliveryResponse(order=await self.edge.ask(context, request, key=body.order_id, body=body))

    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Context) -> pb.CancelOrderResponse:
        """Cancel what has not shipped; with a quote exactly as it promised (CR-1, U1)."""
        if not request.quote:
            return await self._cancel(request, context, None)
        async with self.quoting.fresh_if_stale(request, context):
            answer = await self._cancel(request, context, self.quoting.read(request.quote))
            return pb.CancelOrderResponse(settlement=accepted(answer.settlement, request))

    async def ForceCancelOrder(
        self, request: pb.ForceCancelOrderRequest, context: Context
    ) -> pb.ForceCancelOrderResponse:
        """Cancel for support what the customer could not (OR-7)."""
        body = requests.force_cancel_order(request)
        settlement = await self.edge.ask(context, request, key=body.order_id, body=body)
        return pb.ForceCancelOrderResponse(settlement=await wait_and_keep(self.edge, context, request, settlement))

    async def BatchCancelOrders(
        self, request: pb.BatchCancelOrdersRequest, context: Context
    ) -> pb.BatchCancelOrdersResponse:
        """Cancel many orders, each as a CancelOrder of its own."""
        results = await asyncio.gather(*(self._cancelled(item, context) for item in request.requests))
        return pb.BatchCancelOrdersResponse(results=results)

    async def _cancel(
        self, request: pb.CancelOrderRequest, context: Context, quote: QuoteContent | None
    ) -> pb.CancelOrderResponse:
        body = requests.cancel_order(request, quote)
        settlement = await self.edge.ask(context, request, key=body.order_id, body=body)
        return pb.CancelOrderResponse(settlement=await wait_and_keep(self.edge, context, request, settlement))

    async def _cancelled(self, item: pb.CancelOrderRequest, context: Context) -> pb.BatchCancelResult:
        try:
            answer = await self.CancelOrder(item, context)
        except SettlementError as error:
            refusal = pb.ItemError(reason=error.reason, message=error.detail or error.reason, status=error.status)
            return pb.BatchCancelResult(order_id=item.order_id, error=refusal)
        return pb.BatchCancelResult(order_id=item.order_id, settlement=answer.settlement)
