"""A cancellation for a fee: the customer's root counts it, the credit ledger charges it; both or neither (A16, A17)."""

from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption import cancelling
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.participation import (
    ChargeCancelFee,
    CountCancellation,
    CustomerAnswer,
)
from services.card_redemption.domain.redemption.plans import CancelPlan, Kind
from services.card_redemption.domain.redemption.stepping import Stepped
from services.card_redemption.sagas.ending import Ending, credit_ledger, redeemer
from services.kernel.saga import Definition, Run

DEFINITION = Definition(
    kind=Kind.PAID_CANCEL,
    version=1,
    plan_type=CancelPlan,
    participants=(
        redeemer(CountCancellation, involved=lambda plan: plan.capped_minor > 0),
        credit_ledger(
            ChargeCancelFee, CustomerAnswer, planned=lambda plan: (("CANCEL_FEE", plan.fee_minor),),
            involved=lambda plan: plan.fee_minor > 0,
        ),
    ),
    in_turn=True,
)
"""Both claim a root, the customer's and his account: two cancellations of his would each hold one."""


def done(order: RedemptionOrder, card: GiftCard, run: Run, now: datetime) -> Stepped:
    """The card is its owner's again, whole."""
    return cancelling.cancelled(order, card, now)


def aborted(order: RedemptionOrder, card: GiftCard, run: Run, now: datetime) -> Stepped:
    """Verification goes on, as if nobody had asked."""
    return cancelling.cancel_refused(order, card, now, run.reason)


ENDING = Ending(DEFINITION, done, aborted)
