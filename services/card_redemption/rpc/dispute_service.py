"""DisputeService: cases about redemptions. Every command goes to the lane of the card."""

from typing import Any

from services.card_redemption.domain.disputes import commands
from services.card_redemption.domain.disputes.appealing import EXTERNAL_ROUTE, Answer, judged
from services.card_redemption.domain.disputes.case import Dispute, DisputeState, owned
from services.card_redemption.rpc import dispute_requests as requests
from services.card_redemption.rpc.redemption_reading import card_of, cards_of, read_redemption
from services.card_redemption.store.disputes import find_dispute, list_disputes, list_of_card, list_queue
from services.card_redemption.wire.disputes import ANSWERS, STATES, TYPES, dispute
from services.runtime.ground.paging import FIRST, LAST, page_of
from services.runtime.ground.scalars import instant_from_wire, instant_to_wire
from services.runtime.ground.tables import Connection
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from services.runtime.rpc.reading import new_enough, read_when
from settlement.card_redemption.v1 import dispute_pb2
from settlement.card_redemption.v1 import dispute_service_pb2 as pb
from settlement.card_redemption.v1 import dispute_service_pb2_grpc as rpc

FIRST_HEARD = (-1, *FIRST)
"""Before the first place of the queue."""


class DisputeServicer(rpc.DisputeServiceServicer):
    """Ask, open, handle, decide, read."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.cards = cards_of(edge)

    async def CanAppeal(self, request: pb.CanAppealRequest, context: Context) -> pb.CanAppealResponse:
        """Whether a case could be opened, by the guard of the command itself (RD-35)."""
        order = await read_redemption(self.edge, context, request.redemption_id, request.customer_id)
        async with self.edge.read() as connection:
            others = await list_of_card(connection, order.card_id)
        at = instant_from_wire(request.time) if request.HasField("time") else await self.edge.now()
        shown = judged(order, others, requests.asked_of(request), at)
        answer = pb.CanAppealResponse(
            verdict=ANSWERS.to_wire[shown.answer],
            external_route=EXTERNAL_ROUTE if shown.answer is Answer.DENY_WINDOW else "",
        )
        if shown.deadline is not None and shown.exceptional_deadline is not None:
            answer.deadline_time.CopyFrom(instant_to_wire(shown.deadline))
            answer.exceptional_deadline_time.CopyFrom(instant_to_wire(shown.exceptional_deadline))
        return answer

    async def OpenDispute(self, request: pb.OpenDisputeRequest, context: Context) -> pb.OpenDisputeResponse:
        """Open a case (RD-29)."""
        key = await card_of(self.cards, request.redemption_id)
        told = await self.edge.ask(context, request, key=key, body=requests.open_dispute(request))
        return pb.OpenDisputeResponse(dispute=told)

    async def DecideException(
        self, request: pb.DecideExceptionRequest, context: Context
    ) -> pb.DecideExceptionResponse:
        """Let an appeal in that came late, or not."""
        body = commands.DecideException(
            request.dispute_id, request.admitted, request.reason, request.supervisor_id
        )
        return pb.DecideExceptionResponse(dispute=await self._asked(request, context, body))

    async def TriageDispute(self, request: pb.TriageDisputeRequest, context: Context) -> pb.TriageDisputeResponse:
        """Take it from the queue."""
        body = commands.TriageDispute(request.dispute_id, request.vip_level, request.operator_id)
        return pb.TriageDisputeResponse(dispute=await self._asked(request, context, body))

    async def SubmitEvidence(self, request: pb.SubmitEvidenceRequest, context: Context) -> pb.SubmitEvidenceResponse:
        """Hand in one more paper (RD-34)."""
        told = await self._asked(request, context, requests.submit_evidence(request))
        return pb.SubmitEvidenceResponse(dispute=told)

    async def FreezeForDispute(
        self, request: pb.FreezeForDisputeRequest, context: Context
    ) -> pb.FreezeForDisputeResponse:
        """Stop the redemption of a code that was submitted twice (RD-20)."""
        body = commands.FreezeForDispute(request.dispute_id, request.operator_id)
        return pb.FreezeForDisputeResponse(dispute=await self._asked(request, context, body))

    async def DecideDispute(self, request: pb.DecideDisputeRequest, context: Context) -> pb.DecideDisputeResponse:
        """Decide it; what that takes is done (OP-14)."""
        told = await self._asked(request, context, requests.decide_dispute(request))
        return pb.DecideDisputeResponse(dispute=told)

    async def EscalateDispute(
        self, request: pb.EscalateDisputeRequest, context: Context
    ) -> pb.EscalateDisputeResponse:
        """The customer complained at 12315."""
        body = commands.EscalateDispute(request.dispute_id, request.complaint, request.operator_id)
        return pb.EscalateDisputeResponse(dispute=await self._asked(request, context, body))

    async def GetDispute(self, request: pb.GetDisputeRequest, context: Context) -> pb.GetDisputeResponse:
        """Show a case at `min_version` or later."""

        async def look(connection: Connection) -> Dispute:
            found = await find_dispute(connection, request.dispute_id)
            theirs = owned(found, request.dispute_id, request.customer_id)
            return new_enough(theirs, request.min_version, "the dispute is at version")

        found = await read_when(self.edge, context, look, key=request.dispute_id)
        return pb.GetDisputeResponse(dispute=dispute(found))

    async def ListDisputes(self, request: pb.ListDisputesRequest, context: Context) -> pb.ListDisputesResponse:
        """List cases, the latest first."""
        page = page_of(request, LAST)
        state: DisputeState | None = STATES.from_wire[request.state] if request.state else None
        async with self.edge.read() as connection:
            found = await list_disputes(
                connection, request.customer_id, request.redemption_id, state=state.value if state else "",
                before=page.after, limit=page.limit,
            )
        shown, following = page.cut(found, lambda each: (each.opened_at, each.id), dispute)
        return pb.ListDisputesResponse(disputes=shown, next_page_token=following)

    async def ListDisputeQueue(
        self, request: pb.ListDisputeQueueRequest, context: Context
    ) -> pb.ListDisputeQueueResponse:
        """List what waits, as it is heard (RD-32)."""
        page = page_of(request, FIRST_HEARD)
        kind: str = TYPES.from_wire[request.type].value if request.type else ""
        async with self.edge.read() as connection:
            found = await list_queue(connection, kind, request.overdue, page.after, page.limit)
        shown, following = page.cut(found, lambda each: (each.place.rank, each.opened_at, each.id), dispute)
        return pb.ListDisputeQueueResponse(disputes=shown, next_page_token=following)

    async def _asked(self, request: Any, context: Context, body: object) -> dispute_pb2.Dispute:
        """Have it decided under its card; of a case that is not there, under its own id, so that it is on record."""
        async with self.edge.read() as connection:
            found = await find_dispute(connection, request.dispute_id)
        key = request.dispute_id if found is None else found.card_id
        return await self.edge.ask(  # type: ignore[no-any-return]  # the codec's answer to a dispute
            context, request, key=key, body=body
        )
