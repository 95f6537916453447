"""The kind `redemption_flow`: one redemption from its acceptance on, each event as calls of the public API."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from settle.client.calls import Rejected, call
from settle.client.engine import Engine
from settle.client.requests import WAIT, money
from settle.vectors.comparison import closing_balances
from settle.vectors.outcomes import OK, NotPlayed
from settle.vectors.redemption_readings import RedemptionReadings
from settle.vectors.redemption_world import ISSUER, OPERATOR, RECORDING, RedemptionWorld
from settle.vectors.scenario import Json, Scenario
from settlement.card_redemption.v1 import channel_pb2, redemption_pb2
from settlement.card_redemption.v1 import redemption_service_pb2 as pb

STATES: Mapping[str, str] = {
    "ACCEPTED": "ACCEPTED", "CANCEL_REVIEW": "ACCEPTED", "VERIFYING": "ACCEPTED", "VERIFIED": "ACCEPTED",
    "ESCROWED": "ESCROW", "SETTLED": "SETTLED", "PAYOUT_RETRY": "SETTLED", "COMPLETED": "PAID",
    "CANCELLED": "CANCELLED", "REVOKED": "REVOKED", "FAULT_REVERSED": "REVERSED",
}
"""The page's word for each state of ours: where a case does not tell them apart, many are one."""
DENIALS: Mapping[str, str] = {
    "CANCEL_NOT_SUPPORTED": "DENY_NOT_SUPPORTED", "CANCEL_WINDOW_CLOSED": "DENY_WINDOW",
    "VERIFICATION_STARTED": "DENY_VERIFIED", "REVIEW_REJECTED": "DENY_REVIEW",
}
ESCROW_ENDED = frozenset({"ESCROW_OVER", "REDEMPTION_STATE"})
VOUCHER_DENIED: Mapping[str, str] = {
    "VOUCHER_CATEGORY": "DENY_CATEGORY", "VOUCHER_EXCEEDED": OK, "VOUCHER_NOT_ISSUED": OK,
}
"""Of a voucher that is spent, or was never worth anything, a case uses nothing, which is no denial."""


class RedemptionFlow:
    """Plays one case event by event; the caller moves the clock and waits for rest in between."""

    def __init__(self, engine: Engine, scenario: Scenario) -> None:
        self._engine, self._scenario = engine, scenario
        self._world = RedemptionWorld(engine, scenario.policies)
        self._readings = RedemptionReadings(engine)
        self._results: list[str] = []
        given = scenario.given
        self._channel: str = given["channel"]
        self._third = scenario.policies["channels"][self._channel]["kind"] == "THIRD_PARTY"
        self._face: int = given["face"]
        self._declared: int = given.get("declared", given["face"])
        self._id = ""
        unknown = [event["type"] for event in scenario.when if event["type"] not in EVENTS]
        if unknown:
            raise NotPlayed(f"event {unknown[0]} is not built")

    @property
    def begins_at(self) -> datetime:
        """When the redemption is accepted: the start of the case."""
        return datetime.fromisoformat(self._scenario.given["accepted_at"])

    async def set_up(self) -> None:
        """Make the case's world and have the redemption accepted; nothing of it is compared."""
        given, world = self._scenario.given, self._world
        version = await world.open_account(-given.get("opening", {}).get("L.CUST.WALLET", 0))
        await world.publish(self._channel, given["rate_ppm"], given.get("commission_ppm", 0))
        if max(self._face, self._declared) > self._scenario.policies["first_redemption_cap_fen"]:
            await world.lift_first_cap()
        code = world.new_code() if self._third else await world.issue_card(max(self._face, self._declared))
        deadline = Timestamp()
        if "deadline" in given:
            deadline.FromDatetime(datetime.fromisoformat(given["deadline"]))
        order = await world.submit(
            self._channel, code, self._declared, issuer=ISSUER if self._third else "",
            deadline=deadline if "deadline" in given else None,
        )
        self._id = order.redemption_id
        await self._readings.begin(order.card_id, world.account_id, version, world.channel_name(self._channel))

    async def play(self, number: int) -> None:
        """Issue the commands of one event, and note the code that it yields."""
        event = self._scenario.when[number]
        await EVENTS[event["type"]](self, event, number)

    async def observe(self, number: int) -> None:
        """Read what was posted since the event before; it belongs to this event."""
        await self._readings.journals(number)

    async def actual(self) -> Json:
        """Everything that a `then` can name, as it is now."""
        state = _name((await self._now()).state)
        journals = self._readings.posted
        return {
            "journals": journals, "balances": closing_balances(journals, self._scenario.given.get("opening", {})),
            "state": STATES.get(state, state), "results": self._results,
        }

    async def _now(self) -> redemption_pb2.Redemption:
        return await self._world.now(self._id)

    # -- events

    async def settle(self, event: Json, number: int) -> None:
        """The provider finds the face that counts, and the redemption settles."""
        await self._verify((await self._now()).face.minor_units)
        await self._world.advance(self._id, "settle")

    async def payout(self, event: Json, number: int) -> None:
        """Have the payout asked for, and paid; of a top-up that is worth less than a fen there is none."""
        order = await self._now()
        if order.state == redemption_pb2.REDEMPTION_STATE_COMPLETED and not _in_transit(order):
            return
        await self._world.advance(self._id, f"pay-{number}", event["to"])
        if event["to"] == "BANK":
            await self._readings.confirm_legs()

    async def cancel(self, event: Json, number: int) -> None:
        """Ask for a cancellation, and where a review follows, have it decided."""
        order = await self._now()
        if event.get("verification") == "STARTED" and order.state == redemption_pb2.REDEMPTION_STATE_ACCEPTED:
            await self._world.begun(order)
        elif event.get("verification") == "DONE":
            await self._verify(order.face.minor_units)
        try:
            self._results.append(await self._cancel(event, number))
        except Rejected as rejection:
            if rejection.reason not in DENIALS:
                raise
            self._results.append(DENIALS[rejection.reason])

    async def _cancel(self, event: Json, number: int) -> str:
        support = self._channel == "SELF"
        request = pb.RequestCancelRequest(
            request_id=self._world.request_id("cancel", number), redemption_id=self._id,
            customer_id="" if support else self._world.customer_id,
            asker=channel_pb2.CANCEL_ASKER_SUPPORT if support else channel_pb2.CANCEL_ASKER_CUSTOMER,
            operator_id=OPERATOR if support else "", evidence=[RECORDING] if support else [], wait_timeout=WAIT,
        )
        asked = (await call(self._engine.redemptions.RequestCancel, request)).redemption
        if asked.state != redemption_pb2.REDEMPTION_STATE_CANCEL_REVIEW:
            return "ALLOW"
        decision = pb.DecideCancelReviewRequest(
            request_id=self._world.request_id("review", number), redemption_id=self._id, operator_id=OPERATOR,
            approved=event["review"] == "APPROVED", reason="vectors", wait_timeout=WAIT,
        )
        decided = (await call(self._engine.redemptions.DecideCancelReview, decision)).redemption
        return "ALLOW" if decided.state == redemption_pb2.REDEMPTION_STATE_CANCELLED else DENIALS[decided.reason]

    async def face_correction(self, event: Json, number: int) -> None:
        """Before it settles the verification finds the true face; after it somebody corrects it."""
        order = await self._now()
        if STATES[_name(order.state)] == "ACCEPTED":
            await self._verify(event["actual"])
            self._results.append("REPRICED")
            return
        request = pb.CorrectFaceRequest(
            request_id=self._world.request_id("correct", number), redemption_id=self._id,
            actual=money(event["actual"]), operator_id=OPERATOR, wait_timeout=WAIT,
        )
        await call(self._engine.redemptions.CorrectFace, request)

    async def fault_reversal(self, event: Json, number: int) -> None:
        """A supervisor accepts the platform's fault."""
        request = pb.AcceptPlatformFaultRequest(
            request_id=self._world.request_id("fault", number), redemption_id=self._id, supervisor_id=OPERATOR,
            wait_timeout=WAIT,
        )
        await call(self._engine.redemptions.AcceptPlatformFault, request)

    async def escrow_accept(self, event: Json, number: int) -> None:
        """Verified, its value waits for the condition: that of the true face, whatever was declared."""
        await self._verify(self._face)
        await self._world.advance(self._id, "settle")

    async def escrow_check(self, event: Json, number: int) -> None:
        """The condition is met, or it is not; too late the engine has revoked it by itself."""
        if not event["condition_met"]:
            return
        request = pb.MeetEscrowConditionRequest(
            request_id=self._world.request_id("met", number), redemption_id=self._id, operator_id=OPERATOR,
            wait_timeout=WAIT,
        )
        try:
            await call(self._engine.redemptions.MeetEscrowCondition, request)
        except Rejected as rejection:
            if rejection.reason not in ESCROW_ENDED:
                raise

    async def channel_fee(self, event: Json, number: int) -> None:
        """The recycler keeps a fee."""
        request = pb.RecordChannelFeeRequest(
            request_id=self._world.request_id("fee", number), redemption_id=self._id, amount=money(event["amount"])
        )
        await call(self._engine.redemptions.RecordChannelFee, request)

    async def channel_remit(self, event: Json, number: int) -> None:
        """The recycler pays."""
        request = pb.RecordRemittanceRequest(
            request_id=self._world.request_id("remit", number), redemption_id=self._id, amount=money(event["amount"]),
            reference=f"{self._id}-{number}", wait_timeout=WAIT,
        )
        await call(self._engine.redemptions.RecordRemittance, request)

    async def voucher(self, event: Json, number: int) -> None:
        """The customer is consoled; where nothing was lost the voucher would be worth nothing, and is none."""
        request = pb.IssueVoucherRequest(
            request_id=self._world.request_id("voucher", number), redemption_id=self._id,
            customer_id=self._world.customer_id,
        )
        try:
            await call(self._engine.redemptions.IssueVoucher, request)
        except Rejected as rejection:
            if rejection.reason != "VOUCHER_NOT_DUE":
                raise

    async def voucher_use(self, event: Json, number: int) -> None:
        """Spend the voucher: of an amount above what is left the case means all that is left. Where that is nothing,
        more is asked for than there is."""
        left_minor = (await self._now()).voucher.left.minor_units
        request = pb.UseVoucherRequest(
            request_id=self._world.request_id("use", number), redemption_id=self._id,
            customer_id=self._world.customer_id, category=event["category"],
            amount=money(min(event["amount"], left_minor) or left_minor + 1),
            wait_timeout=WAIT,
        )
        try:
            await call(self._engine.redemptions.UseVoucher, request)
            self._results.append(OK)
        except Rejected as rejection:
            if rejection.reason not in VOUCHER_DENIED:
                raise
            self._results.append(VOUCHER_DENIED[rejection.reason])

    async def _verify(self, face_minor: int) -> None:
        """Have it verified with this face, unless it is."""
        order = await self._now()
        if order.state in (redemption_pb2.REDEMPTION_STATE_ACCEPTED, redemption_pb2.REDEMPTION_STATE_VERIFYING):
            await self._world.verified(order, face_minor)


def _in_transit(order: redemption_pb2.Redemption) -> bool:
    """Whether a payout of it is decided and not paid."""
    waits = (redemption_pb2.REDEMPTION_PAYOUT_STATE_DUE, redemption_pb2.REDEMPTION_PAYOUT_STATE_SENT)
    return any(payout.state in waits for payout in order.payouts)


def _name(state: Any) -> str:  # Any: a number of a generated enum
    """The engine's own word for a state."""
    return str(redemption_pb2.RedemptionState.Name(state)).removeprefix("REDEMPTION_STATE_")


EVENTS: Mapping[str, Callable[[RedemptionFlow, Json, int], Awaitable[None]]] = {
    "SETTLE": RedemptionFlow.settle,
    "PAYOUT": RedemptionFlow.payout,
    "CANCEL": RedemptionFlow.cancel,
    "FACE_CORRECTION": RedemptionFlow.face_correction,
    "FAULT_REVERSAL": RedemptionFlow.fault_reversal,
    "ESCROW_ACCEPT": RedemptionFlow.escrow_accept,
    "ESCROW_CHECK": RedemptionFlow.escrow_check,
    "CHANNEL_FEE": RedemptionFlow.channel_fee,
    "CHANNEL_REMIT": RedemptionFlow.channel_remit,
    "VOUCHER": RedemptionFlow.voucher,
    "VOUCHER_USE": RedemptionFlow.voucher_use,
}
