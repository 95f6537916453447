"""AdjustmentService: what two people put right by hand, with evidence (DOMAIN 1.8)."""

from services.credit_ledger.domain.model.adjustment import AdjustedLine
from services.credit_ledger.domain.model.commands import AdjustRefund, PostAdjustment, RetryLeg, SettleLeg
from services.credit_ledger.store import reads
from services.credit_ledger.wire import views
from services.runtime.ground.paging import page_of
from services.runtime.ground.scalars import date_from_wire
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from settlement.credit_ledger.v1 import adjustment_service_pb2 as pb
from settlement.credit_ledger.v1 import adjustment_service_pb2_grpc as rpc


class AdjustmentServicer(rpc.AdjustmentServiceServicer):
    """What two people post by hand: refunds, legs, journals; and the list of it."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    async def AdjustRefund(self, request: pb.AdjustRefundRequest, context: Context) -> pb.AdjustRefundResponse:
        """Complete a pending refund by hand (P22)."""
        effective = date_from_wire(request.effective_date) if request.effective_date else None
        body = AdjustRefund(
            account_id=request.account_id, order_id=request.order_id, maker=request.maker, checker=request.checker,
            evidence=tuple(request.evidence), reason=request.reason, effective_date=effective,
            reaches_back=request.reaches_back,
        )
        return pb.AdjustRefundResponse(effect=await self.edge.ask(context, request, key=body.account_id, body=body))

    async def PostAdjustment(self, request: pb.PostAdjustmentRequest, context: Context) -> pb.PostAdjustmentResponse:
        """Post a balanced journal of two people (P22)."""
        body = PostAdjustment(
            account_id=request.account_id, order_id=request.order_id, case_id=request.case_id,
            lines=tuple(AdjustedLine(line.account, line.amount_minor) for line in request.lines),
            maker=request.maker, checker=request.checker, evidence=tuple(request.evidence), reason=request.reason,
            effective_date=date_from_wire(request.effective_date), reaches_back=request.reaches_back,
        )
        return pb.PostAdjustmentResponse(
            adjustment=await self.edge.ask(context, request, key=body.account_id, body=body)
        )

    async def RetryLeg(self, request: pb.RetryLegRequest, context: Context) -> pb.RetryLegResponse:
        """Ask the rail about a leg again, under the same id (PM-6)."""
        body = RetryLeg(request.account_id, request.leg_id, request.operator_id, request.reason)
        return pb.RetryLegResponse(leg=await self.edge.ask(context, request, key=body.account_id, body=body))

    async def SettleLeg(self, request: pb.SettleLegRequest, context: Context) -> pb.SettleLegResponse:
        """Settle a leg that two people paid from the bank (MA-1 to MA-4)."""
        effective = date_from_wire(request.effective_date) if request.effective_date else None
        body = SettleLeg(
            account_id=request.account_id, leg_id=request.leg_id, order_id=request.order_id, maker=request.maker,
            checker=request.checker, evidence=tuple(request.evidence), reason=request.reason,
            effective_date=effective, reaches_back=request.reaches_back,
        )
        return pb.SettleLegResponse(leg=await self.edge.ask(context, request, key=body.account_id, body=body))

    async def ListAdjustments(self, request: pb.ListAdjustmentsRequest, context: Context) -> pb.ListAdjustmentsResponse:
        """List the adjustments of an account by id."""
        page = page_of(request, ("",))
        async with self.edge.read() as connection:
            found = await reads.list_adjustments(
                connection, request.account_id, request.order_id, *page.after, page.limit
            )
        adjustments, following = page.cut(found, lambda adjustment: (adjustment.id,), views.adjustment)
        return pb.ListAdjustmentsResponse(adjustments=adjustments, next_page_token=following)
