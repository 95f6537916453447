"""AdjustmentService: what two people put right by hand, with evidence (DOMAIN 1.8)."""

from services.credit_ledger.domain.model.adjustment import AdjustedLine
from services.credit_ledger.domain.model.commands import AdjustRefund, PostAdjustment, RetryLeg, SettleLeg
from services.credit_ledger.rpc.paging import page_token, place_of
from services.credit_ledger.rpc.reading import day_of
from services.credit_ledger.store import reads
from services.credit_ledger.wire import views
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from settlement.credit_ledger.v1 import adjustment_service_pb2 as pb
from settlement.credit_ledger.v1 import adjustment_service_pb2_grpc as rpc

PAGE_SIZE = 50


class AdjustmentServicer(rpc.AdjustmentServiceServicer):
    """Manual adjustments."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    async def AdjustRefund(self, request: pb.AdjustRefundRequest, context: Context) -> pb.AdjustRefundResponse:
        """P22: complete a pending refund."""
        effective = day_of(request.effective_date) if request.effective_date else None
        body = AdjustRefund(
            request.account_id, request.order_id, request.maker, request.checker, tuple(request.evidence), request.reason,
            effective, request.reaches_back,
        )
        return pb.AdjustRefundResponse(effect=await self.edge.ask(context, request, key=body.account_id, body=body))

    async def PostAdjustment(self, request: pb.PostAdjustmentRequest, context: Context) -> pb.PostAdjustmentResponse:
        """P22: a balanced journal of two people."""
        body = PostAdjustment(
            request.account_id, request.order_id, request.case_id,
            tuple(AdjustedLine(line.account, line.amount_minor) for line in request.lines), request.maker, request.checker,
            tuple(request.evidence), request.reason, day_of(request.effective_date), request.reaches_back,
        )
        return pb.PostAdjustmentResponse(adjustment=await self.edge.ask(context, request, key=body.account_id, body=body))

    async def RetryLeg(self, request: pb.RetryLegRequest, context: Context) -> pb.RetryLegResponse:
        """PM-6: the same leg, asked about again."""
        body = RetryLeg(request.account_id, request.leg_id, request.operator_id, request.reason)
        return pb.RetryLegResponse(leg=await self.edge.ask(context, request, key=body.account_id, body=body))

    async def SettleLeg(self, request: pb.SettleLegRequest, context: Context) -> pb.SettleLegResponse:
        """MA-1 to MA-4: paid from the bank by two people."""
        effective = day_of(request.effective_date) if request.effective_date else None
        body = SettleLeg(
            request.account_id, request.leg_id, request.order_id, request.maker, request.checker, tuple(request.evidence),
            request.reason, effective, request.reaches_back,
        )
        return pb.SettleLegResponse(leg=await self.edge.ask(context, request, key=body.account_id, body=body))

    async def ListAdjustments(self, request: pb.ListAdjustmentsRequest, context: Context) -> pb.ListAdjustmentsResponse:
        """The adjustments of an account by id."""
        (after,) = place_of(request.page_token, "")
        size = request.page_size or PAGE_SIZE
        async with self.edge.read() as connection:
            found = await reads.list_adjustments(connection, request.account_id, request.order_id, after, size + 1)
        return pb.ListAdjustmentsResponse(
            adjustments=[views.adjustment(row) for row in found[:size]],
            next_page_token=page_token(found[size - 1].id) if len(found) > size else "",
        )
