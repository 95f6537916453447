"""AfterSaleService: return cases, and money back without goods."""

from services.order.domain import commands
from services.order.rpc import requests
from services.order.rpc.quoting import Quoting, accepted
from services.order.rpc.reading import case_after, keep_if_ended, last_step, read_case, settlement_of, wait_and_keep
from services.order.store.reads import list_cases
from services.order.wire.orders import case_message
from services.runtime.ground.paging import FIRST, page_of
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from settlement.order.v1 import after_sale_service_pb2 as pb
from settlement.order.v1 import after_sale_service_pb2_grpc as rpc


class AfterSaleServicer(rpc.AfterSaleServiceServicer):
    """Return cases are decided in the lane of their order."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.quoting = Quoting(edge)

    async def RequestReturn(self, request: pb.RequestReturnRequest, context: Context) -> pb.RequestReturnResponse:
        """Ask to send units of a shipped order back (CR-4)."""
        body = requests.request_return(request)
        return pb.RequestReturnResponse(return_case=await self.edge.ask(context, request, key=body.order_id, body=body))

    async def ApproveReturn(self, request: pb.ApproveReturnRequest, context: Context) -> pb.ApproveReturnResponse:
        """Approve a return and say where the goods go (CR-5)."""
        body = commands.ApproveReturn(request.order_id, request.return_id, request.return_address)
        return pb.ApproveReturnResponse(return_case=await self.edge.ask(context, request, key=body.order_id, body=body))

    async def RejectReturn(self, request: pb.RejectReturnRequest, context: Context) -> pb.RejectReturnResponse:
        """Reject a return; the customer may dispute it (CR-5)."""
        body = commands.RejectReturn(request.order_id, request.return_id, request.reason)
        return pb.RejectReturnResponse(return_case=await self.edge.ask(context, request, key=body.order_id, body=body))

    async def WithdrawReturn(self, request: pb.WithdrawReturnRequest, context: Context) -> pb.WithdrawReturnResponse:
        """Give up a return before the goods are on their way (DOMAIN 2.2)."""
        body = commands.WithdrawReturn(request.order_id, request.return_id)
        return pb.WithdrawReturnResponse(
            return_case=await self.edge.ask(context, request, key=body.order_id, body=body)
        )

    async def RegisterWaybill(
        self, request: pb.RegisterWaybillRequest, context: Context
    ) -> pb.RegisterWaybillResponse:
        """Record the waybill under which the goods travel back (CR-6)."""
        body = commands.RegisterWaybill(
            request.order_id, request.return_id, request.waybill_number, request.carrier
        )
        return pb.RegisterWaybillResponse(
            return_case=await self.edge.ask(context, request, key=body.order_id, body=body)
        )

    async def ConfirmReceipt(self, request: pb.ConfirmReceiptRequest, context: Context) -> pb.ConfirmReceiptResponse:
        """Confirm that the goods came back, which alone triggers the refund (CR-7)."""
        async with self.quoting.fresh_if_stale(request, context):
            body = requests.confirm_receipt(request, self.quoting.read(request.quote))
            answer: pb.ConfirmReceiptResponse = await self.edge.ask(context, request, key=body.order_id, body=body)
            step = await last_step(self.edge, context, request, answer.settlement)
            case = await case_after(self.edge, context, step, request.return_id) if step is not None else None
            if step is None or case is None:
                accepted(answer.settlement, request)
                return answer
            settlement = accepted(settlement_of(step), request)
            received = pb.ConfirmReceiptResponse(return_case=case_message(case), settlement=settlement)
            return await keep_if_ended(self.edge, request, answer, received)

    async def RefuseDelivery(self, request: pb.RefuseDeliveryRequest, context: Context) -> pb.RefuseDeliveryResponse:
        """Turn a refused parcel into a return that is already on its way (DOMAIN 2.1)."""
        body = requests.refuse_delivery(request)
        return pb.RefuseDeliveryResponse(
            return_case=await self.edge.ask(context, request, key=body.order_id, body=body)
        )

    async def DisputeReceipt(self, request: pb.DisputeReceiptRequest, context: Context) -> pb.DisputeReceiptResponse:
        """Dispute what came back, with evidence (DOMAIN 2.2)."""
        body = requests.dispute_receipt(request)
        return pb.DisputeReceiptResponse(
            return_case=await self.edge.ask(context, request, key=body.order_id, body=body)
        )

    async def DisputeRejection(
        self, request: pb.DisputeRejectionRequest, context: Context
    ) -> pb.DisputeRejectionResponse:
        """Dispute the rejection of a return, with evidence (DOMAIN 2.2, 2.10)."""
        body = requests.dispute_rejection(request)
        return pb.DisputeRejectionResponse(
            return_case=await self.edge.ask(context, request, key=body.order_id, body=body)
        )

    async def DisputeDeduction(
        self, request: pb.DisputeDeductionRequest, context: Context
    ) -> pb.DisputeDeductionResponse:
        """Dispute what the merchant deducted at the receipt (DOMAIN PR-9, 2.10)."""
        body = requests.dispute_deduction(request)
        return pb.DisputeDeductionResponse(
            return_case=await self.edge.ask(context, request, key=body.order_id, body=body)
        )

    async def ResolveDispute(self, request: pb.ResolveDisputeRequest, context: Context) -> pb.ResolveDisputeResponse:
        """Decide a dispute; one that is upheld may begin a refund (DOMAIN 2.2, 2.10)."""
        body = requests.resolve_dispute(request)
        answer: pb.ResolveDisputeResponse = await self.edge.ask(context, request, key=body.order_id, body=body)
        if not answer.HasField("settlement"):
            return answer
        step = await last_step(self.edge, context, request, answer.settlement)
        case = await case_after(self.edge, context, step, request.return_id) if step is not None else None
        if step is None or case is None:
            return answer
        resolved = pb.ResolveDisputeResponse(return_case=case_message(case), settlement=settlement_of(step))
        return await keep_if_ended(self.edge, request, answer, resolved)

    async def RefundAmount(self, request: pb.RefundAmountRequest, context: Context) -> pb.RefundAmountResponse:
        """Give money back without goods: a price reduction of a line, or goodwill (PR-8, PR-9)."""
        async with self.quoting.fresh_if_stale(request, context):
            body = requests.refund_amount(request, self.quoting.read(request.quote))
            settlement = await self.edge.ask(context, request, key=body.order_id, body=body)
            settlement = accepted(await wait_and_keep(self.edge, context, request, settlement), request)
            return pb.RefundAmountResponse(settlement=settlement)

    async def ReverseRefund(self, request: pb.ReverseRefundRequest, context: Context) -> pb.ReverseRefundResponse:
        """Undo a refund in all books (P24)."""
        body = commands.ReverseRefund(request.order_id, request.settlement_id, request.reason)
        settlement = await self.edge.ask(context, request, key=body.order_id, body=body)
        return pb.ReverseRefundResponse(settlement=await wait_and_keep(self.edge, context, request, settlement))

    async def GetReturn(self, request: pb.GetReturnRequest, context: Context) -> pb.GetReturnResponse:
        """Show a return case at `min_version` or later (DOMAIN 2.2)."""
        case = await read_case(self.edge, context, request.return_id, request.min_version)
        return pb.GetReturnResponse(return_case=case_message(case))

    async def ListReturns(self, request: pb.ListReturnsRequest, context: Context) -> pb.ListReturnsResponse:
        """List the return cases of an order, the oldest first."""
        page = page_of(request, FIRST)
        async with self.edge.read() as connection:
            found = await list_cases(connection, request.order_id, page.after, page.limit)
        cases, following = page.cut(found, lambda case: (case.requested_at, case.id), case_message)
        return pb.ListReturnsResponse(return_cases=cases, next_page_token=following)
