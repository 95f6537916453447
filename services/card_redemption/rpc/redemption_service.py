"""RedemptionService: what is asked of redemptions. Every command goes to the lane of the card."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from services.card_redemption.domain.redemption import commands
from services.card_redemption.domain.redemption.redeemer import REFUSALS
from services.card_redemption.domain.redemption.states import RedemptionState
from services.card_redemption.rpc import redemption_requests as requests
from services.card_redemption.rpc.following import Following
from services.card_redemption.rpc.preparing import Preparing
from services.card_redemption.rpc.redemption_reading import can_cancel, card_of, cards_of, read_redemption, settled
from services.card_redemption.store.redemption_reads import list_redemptions
from services.card_redemption.vault import Vault
from services.card_redemption.wire.redemptions import STATES, VERDICTS, redemption
from services.kernel.errors import FailedPrecondition, NotFound
from services.runtime.ground.paging import LAST, page_of
from services.runtime.ground.scalars import instant_from_wire, instant_to_wire, money_field
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from settlement.card_redemption.v1 import redemption_pb2
from settlement.card_redemption.v1 import redemption_service_pb2 as pb
from settlement.card_redemption.v1 import redemption_service_pb2_grpc as rpc

_DENIED = frozenset({"CODE_REJECTED"})
_WHY: Mapping[str, str] = {
    **REFUSALS,
    "ACCOUNT_NOT_FOUND": "the fee can be taken from no account of its customer",
    "NOT_REVOCABLE": "whoever read its code does not let go of it",
}
"""What others refuse who are asked for a redemption, and why."""
_HEARD = (
    redemption_pb2.REDEMPTION_STATE_CANCELLED, redemption_pb2.REDEMPTION_STATE_CANCEL_REVIEW,
    redemption_pb2.REDEMPTION_STATE_REVOKING,
)
"""It is cancelled, or somebody is asked whether it may be."""


class RedemptionServicer(rpc.RedemptionServiceServicer):
    """Submit, take back, lead on, correct, read."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.preparing = Preparing(edge, Vault.of(edge.settings))
        self.following = Following(edge)
        self.cards = cards_of(edge)

    async def PrepareRedemption(
        self, request: pb.PrepareRedemptionRequest, context: Context
    ) -> pb.PrepareRedemptionResponse:
        """Say what a submission would come to, and give a token for it (RD-24)."""
        return await self.preparing.prepare(request, context)

    async def ConfirmRedemption(
        self, request: pb.ConfirmRedemptionRequest, context: Context
    ) -> pb.ConfirmRedemptionResponse:
        """Submit what was prepared (RD-20, RD-23)."""
        answer = await self.preparing.confirm(request, context)
        if isinstance(answer, pb.SubmissionDenied):
            raise _denial(answer)
        told = await settled(self.edge, context, request, answer)
        if told.state == redemption_pb2.REDEMPTION_STATE_FAILED_RETRYABLE:
            raise _refusal(told, "was not submitted")
        return pb.ConfirmRedemptionResponse(redemption=told)

    async def CanCancel(self, request: pb.CanCancelRequest, context: Context) -> pb.CanCancelResponse:
        """Whether it could be cancelled, by the guard of the command itself (RD-35)."""
        order = await read_redemption(self.edge, context, request.redemption_id, request.customer_id)
        at = instant_from_wire(request.time) if request.HasField("time") else await self.edge.now()
        shown = await can_cancel(self.edge, order, requests.asker(request.asker), at)
        answer = pb.CanCancelResponse(verdict=VERDICTS.to_wire[shown.verdict], fee=money_field(shown.fee_minor))
        if shown.deadline is not None:
            answer.deadline_time.CopyFrom(instant_to_wire(shown.deadline))
        return answer

    async def RequestCancel(self, request: pb.RequestCancelRequest, context: Context) -> pb.RequestCancelResponse:
        """Take it back: at once, for a fee, or by a review."""
        told = await self._asked(request, context, requests.request_cancel(request))
        if not told.settlement_id and told.state not in _HEARD:
            raise _refusal(told, "was not cancelled")
        return pb.RequestCancelResponse(redemption=told)

    async def DecideCancelReview(
        self, request: pb.DecideCancelReviewRequest, context: Context
    ) -> pb.DecideCancelReviewResponse:
        """The reviewer's word (A20)."""
        body = commands.DecideCancelReview(
            request.redemption_id, request.approved, request.operator_id, request.reason
        )
        return pb.DecideCancelReviewResponse(redemption=await self._asked(request, context, body))

    async def InterceptRedemption(
        self, request: pb.InterceptRedemptionRequest, context: Context
    ) -> pb.InterceptRedemptionResponse:
        """Support stops what has not settled (RD-30)."""
        body = commands.InterceptRedemption(request.redemption_id, request.operator_id, tuple(request.evidence))
        return pb.InterceptRedemptionResponse(redemption=await self._asked(request, context, body))

    async def AdvanceRedemption(
        self, request: pb.AdvanceRedemptionRequest, context: Context
    ) -> pb.AdvanceRedemptionResponse:
        """An operator lets it take its next step."""
        body = commands.AdvanceRedemption(
            request.redemption_id, request.operator_id, requests.method(request.method), request.instrument
        )
        return pb.AdvanceRedemptionResponse(redemption=await self._asked(request, context, body))

    async def EditSchedule(self, request: pb.EditScheduleRequest, context: Context) -> pb.EditScheduleResponse:
        """Change what is scheduled (A18)."""
        told = await self._asked(request, context, requests.edit_schedule(request))
        return pb.EditScheduleResponse(redemption=told)

    async def MeetEscrowCondition(
        self, request: pb.MeetEscrowConditionRequest, context: Context
    ) -> pb.MeetEscrowConditionResponse:
        """The condition is met (P33)."""
        body = commands.MeetEscrowCondition(request.redemption_id, request.operator_id)
        return pb.MeetEscrowConditionResponse(redemption=await self._asked(request, context, body))

    async def CorrectFace(self, request: pb.CorrectFaceRequest, context: Context) -> pb.CorrectFaceResponse:
        """The face was another (RD-21)."""
        body = commands.CorrectFace(request.redemption_id, request.actual.minor_units, request.operator_id)
        return pb.CorrectFaceResponse(redemption=await self._asked(request, context, body))

    async def AcceptPlatformFault(
        self, request: pb.AcceptPlatformFaultRequest, context: Context
    ) -> pb.AcceptPlatformFaultResponse:
        """It never should have been (RD-33)."""
        body = commands.AcceptPlatformFault(request.redemption_id, request.supervisor_id)
        return pb.AcceptPlatformFaultResponse(redemption=await self._asked(request, context, body))

    async def ReportFraud(self, request: pb.ReportFraudRequest, context: Context) -> pb.ReportFraudResponse:
        """The card was stolen (RD-22)."""
        body = commands.ReportFraud(request.redemption_id, request.reporter)
        return pb.ReportFraudResponse(redemption=await self._asked(request, context, body))

    async def DecideFraud(self, request: pb.DecideFraudRequest, context: Context) -> pb.DecideFraudResponse:
        """Whether it was (A22)."""
        body = commands.DecideFraud(
            request.redemption_id, request.confirmed, request.police_case, request.operator_id
        )
        return pb.DecideFraudResponse(redemption=await self._asked(request, context, body))

    async def IssueVoucher(self, request: pb.IssueVoucherRequest, context: Context) -> pb.IssueVoucherResponse:
        """Console the customer (RD-28)."""
        body = commands.IssueVoucher(request.redemption_id, request.customer_id)
        return pb.IssueVoucherResponse(redemption=await self._asked(request, context, body))

    async def UseVoucher(self, request: pb.UseVoucherRequest, context: Context) -> pb.UseVoucherResponse:
        """Spend some of it (P35)."""
        body = commands.UseVoucher(
            request.redemption_id, request.customer_id, request.category, request.amount.minor_units
        )
        return pb.UseVoucherResponse(redemption=await self._asked(request, context, body))

    async def RecordChannelFee(
        self, request: pb.RecordChannelFeeRequest, context: Context
    ) -> pb.RecordChannelFeeResponse:
        """The recycler keeps a fee (P29)."""
        body = commands.RecordChannelFee(request.redemption_id, request.amount.minor_units)
        return pb.RecordChannelFeeResponse(redemption=await self._asked(request, context, body))

    async def RecordRemittance(
        self, request: pb.RecordRemittanceRequest, context: Context
    ) -> pb.RecordRemittanceResponse:
        """The recycler paid (P29)."""
        body = commands.RecordRemittance(request.redemption_id, request.amount.minor_units, request.reference)
        return pb.RecordRemittanceResponse(redemption=await self._asked(request, context, body))

    async def GetRedemption(self, request: pb.GetRedemptionRequest, context: Context) -> pb.GetRedemptionResponse:
        """Show a redemption at `min_version` or later."""
        order = await read_redemption(
            self.edge, context, request.redemption_id, request.customer_id, request.min_version
        )
        return pb.GetRedemptionResponse(redemption=redemption(order))

    async def WatchRedemption(
        self, request: pb.WatchRedemptionRequest, context: Context
    ) -> AsyncIterator[pb.WatchRedemptionResponse]:
        """Show a redemption now and after each change, until its end."""
        async with aclosing(self.following.follow(request.redemption_id, request.customer_id)) as orders:
            async for order in orders:
                yield pb.WatchRedemptionResponse(redemption=redemption(order))

    async def ListRedemptions(
        self, request: pb.ListRedemptionsRequest, context: Context
    ) -> pb.ListRedemptionsResponse:
        """List redemptions, the latest first."""
        page = page_of(request, LAST)
        state: RedemptionState | None = STATES.from_wire[request.state] if request.state else None
        async with self.edge.read() as connection:
            found = await list_redemptions(
                connection, request.customer_id, request.card_id, state=state.value if state else "",
                before=page.after, limit=page.limit,
            )
        shown, following = page.cut(found, lambda order: (order.accepted_at, order.id), redemption)
        return pb.ListRedemptionsResponse(redemptions=shown, next_page_token=following)

    async def _asked(self, request: Any, context: Context, body: object) -> redemption_pb2.Redemption:
        """Have it decided under its card, and wait for what that begins as long as the caller wants."""
        key = await card_of(self.cards, request.redemption_id)
        told = await self.edge.ask(context, request, key=key, body=body)
        if "wait_timeout" not in request.DESCRIPTOR.fields_by_name:
            return told  # type: ignore[no-any-return]  # the codec's answer to a redemption
        return await settled(self.edge, context, request, told)


def _refusal(told: redemption_pb2.Redemption, came_to: str) -> FailedPrecondition:
    """What somebody refused who was asked for it, to the caller who waited."""
    why = f": {_WHY[told.reason]}" if told.reason in _WHY else ""
    return FailedPrecondition(told.reason, f"{told.redemption_id} {came_to}{why}")


def _denial(denied: pb.SubmissionDenied) -> FailedPrecondition | NotFound:
    """What a denied submission is to its caller."""
    kind = NotFound if denied.reason in _DENIED else FailedPrecondition
    return kind(denied.reason, denied.detail)
