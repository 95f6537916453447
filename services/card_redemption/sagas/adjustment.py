"""A dispute gives its customer something back: the credit ledger puts it into the wallet, this book bears it (P22)."""

from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption import adjusting
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.participation import CreditAdjustment, CustomerAnswer
from services.card_redemption.domain.redemption.plans import AdjustmentPlan, Kind
from services.card_redemption.domain.redemption.stepping import Stepped
from services.card_redemption.sagas.ending import Ending, credit_ledger
from services.kernel.saga import Definition, Run

DEFINITION = Definition(
    kind=Kind.ADJUSTMENT, version=1, plan_type=AdjustmentPlan,
    participants=(credit_ledger(CreditAdjustment, CustomerAnswer),),
)


def done(order: RedemptionOrder, card: GiftCard, run: Run, now: datetime) -> Stepped:
    """The customer has it."""
    plan: AdjustmentPlan = run.plan
    return adjusting.adjusted(order, card, run.id, plan.amount_minor, now)


def aborted(order: RedemptionOrder, card: GiftCard, run: Run, now: datetime) -> Stepped:
    """Nobody has it; the case tries again."""
    return adjusting.adjustment_refused(order, card, now, run.reason)


ENDING = Ending(DEFINITION, done, aborted)
