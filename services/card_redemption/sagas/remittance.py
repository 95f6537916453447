"""A recycler pays: the credit ledger takes it in, this book has it off what the recycler owes (P29, 3.3)."""

from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption import recyclers
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.participation import ReceiveRemittance, RemittanceAnswer
from services.card_redemption.domain.redemption.plans import Kind, RemittancePlan
from services.card_redemption.domain.redemption.stepping import Stepped
from services.card_redemption.sagas.ending import Ending, credit_ledger
from services.kernel.saga import Definition, Run

DEFINITION = Definition(
    kind=Kind.REMITTANCE,
    version=1,
    plan_type=RemittancePlan,
    participants=(credit_ledger(ReceiveRemittance, RemittanceAnswer, key=lambda plan: plan.channel),),
)


def done(order: RedemptionOrder, card: GiftCard, run: Run, now: datetime) -> Stepped:
    """Both books have it."""
    plan: RemittancePlan = run.plan
    return recyclers.remitted(order, card, run.id, plan.amount_minor, now)


def aborted(order: RedemptionOrder, card: GiftCard, run: Run, now: datetime) -> Stepped:
    """Neither book has it."""
    return recyclers.remittance_refused(order, card, now, run.reason)


ENDING = Ending(DEFINITION, done, aborted)
