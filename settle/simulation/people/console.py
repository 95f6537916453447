"""What people of the house do with a redemption: intercept, lead on, correct, freeze, console, book the recycler."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from services.card_redemption.decisions.redemptions.cancelling import RECORDING
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.vouchers import Category
from settle.simulation.agenda import SECOND, Steps

if TYPE_CHECKING:
    from settle.simulation.people.redeemers import RedemptionStory

Asked = Callable[[RedemptionOrder], object]


class Console:
    """The desk of support, finance, risk control and the police for one redemption."""

    def __init__(self, story: "RedemptionStory") -> None:
        self._story, self._track = story, story.track

    def intercept(self) -> Steps:
        """Stop it before it settles."""
        yield from self._of_order(lambda order: ask.InterceptRedemption(order.id, "op-1", (f"{RECORDING}:1",)))

    def lead(self) -> Steps:
        """Let it take its next steps, where nothing goes on by itself."""
        for _ in range(4):
            yield from self._of_order(lambda order: ask.AdvanceRedemption(order.id, "op-1"))
            yield SECOND

    def correct_face(self) -> Steps:
        """The face was another one: more, or less."""
        change = self._track.below(2_000) - 1_000
        yield from self._of_order(lambda order: ask.CorrectFace(order.id, max(1, order.face_minor + change), "op-1"))

    def accept_fault(self) -> Steps:
        """It never should have been."""
        yield from self._of_order(lambda order: ask.AcceptPlatformFault(order.id, "boss"))

    def report_fraud(self) -> Steps:
        """The card was stolen; what comes of it is decided in weeks."""
        if self._track.below(2):
            yield from self._of_order(lambda order: ask.ReportFraud(order.id, "police"))

    def console_with_a_voucher(self) -> Steps:
        """Issue one, and spend some of it."""
        yield from self._of_order(lambda order: ask.IssueVoucher(order.id, order.customer_id))
        amount = 1 + self._track.below(400)
        yield from self._of_order(
            lambda order: ask.UseVoucher(order.id, order.customer_id, Category.UTILITY.value, amount)
        )

    def keep_a_fee(self) -> Steps:
        """The recycler keeps something."""
        yield from self._of_order(lambda order: ask.RecordChannelFee(order.id, 1 + self._track.below(50)))

    def remit(self) -> Steps:
        """The recycler pays; now and then it calls a payment what it called another one."""
        amount, name = 1 + self._track.below(5_000), self._track.below(3)
        yield from self._of_order(lambda order: ask.RecordRemittance(order.id, amount, f"remit-{order.id}-{name}"))

    def meet_condition(self) -> Steps:
        """What an escrow waits for has come."""
        yield from self._of_order(lambda order: ask.MeetEscrowCondition(order.id, "op-1"))

    def _of_order(self, body: Asked) -> Steps:
        order = self._story.order
        if order is not None:
            yield from self._story.ask(body(order))
