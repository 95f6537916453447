"""PayoutService: payouts of redemptions, and the operators' switch that holds them."""

from services.credit_ledger.domain.model.payout_switch import PAYOUTS, PausePayouts, PayoutSwitch, ResumePayouts
from services.credit_ledger.store import payouts
from services.credit_ledger.wire import views
from services.credit_ledger.wire.scalars import PAYOUT_STATES
from services.kernel.errors import NotFound
from services.runtime.ground.paging import page_of
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from settlement.credit_ledger.v1 import payout_service_pb2 as pb
from settlement.credit_ledger.v1 import payout_service_pb2_grpc as rpc


class PayoutServicer(rpc.PayoutServiceServicer):
    """The switch is one root, whose events say who moved it and why."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    async def PausePayouts(self, request: pb.PausePayoutsRequest, context: Context) -> pb.PausePayoutsResponse:
        """Hold all payouts that are not sent yet."""
        body = PausePayouts(PAYOUTS, request.operator_id, request.reason)
        return pb.PausePayoutsResponse(switch=await self.edge.ask(context, request, key=PAYOUTS, body=body))

    async def ResumePayouts(self, request: pb.ResumePayoutsRequest, context: Context) -> pb.ResumePayoutsResponse:
        """Let payouts go on, those that waited at once."""
        body = ResumePayouts(PAYOUTS, request.operator_id, request.reason)
        return pb.ResumePayoutsResponse(switch=await self.edge.ask(context, request, key=PAYOUTS, body=body))

    async def GetPayoutSwitch(
        self, request: pb.GetPayoutSwitchRequest, context: Context
    ) -> pb.GetPayoutSwitchResponse:
        """Show whether payouts are paused; a switch that nobody has moved is on."""
        async with self.edge.read() as connection:
            found = await payouts.load_switches(connection, [PAYOUTS])
        return pb.GetPayoutSwitchResponse(
            switch=views.payout_switch(found[0] if found else PayoutSwitch(PAYOUTS, version=0))
        )

    async def GetPayout(self, request: pb.GetPayoutRequest, context: Context) -> pb.GetPayoutResponse:
        """Show one payout."""
        async with self.edge.read() as connection:
            found = await payouts.load_payouts(connection, [request.payout_id])
        if not found:
            raise NotFound("PAYOUT_NOT_FOUND", f"there is no payout {request.payout_id}")
        return pb.GetPayoutResponse(payout=views.payout(found[0]))

    async def ListPayouts(self, request: pb.ListPayoutsRequest, context: Context) -> pb.ListPayoutsResponse:
        """List payouts by id."""
        page = page_of(request, ("",))
        state = PAYOUT_STATES.from_wire[request.state].value if request.state else ""
        async with self.edge.read() as connection:
            found = await payouts.list_payouts(connection, request.account_id, state, *page.after, page.limit)
        shown, following = page.cut(found, lambda payout: (payout.id,), views.payout)
        return pb.ListPayoutsResponse(payouts=shown, next_page_token=following)
