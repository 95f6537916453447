"""Claiming from the customer what was paid for a wrong face, or a redemption that never should have been (P32, P34)."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption import taking_back
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.participation import ClaimFromCustomer, CustomerAnswer
from services.card_redemption.domain.redemption.plans import ClaimPlan, Kind
from services.card_redemption.domain.redemption.stepping import Stepped
from services.card_redemption.sagas.ending import Ending, credit_ledger
from services.kernel.saga import Definition, Run

DEFINITION = Definition(
    kind=Kind.CLAIM, version=2, plan_type=ClaimPlan, participants=(credit_ledger(ClaimFromCustomer, CustomerAnswer),)
)
EARLIER = replace(DEFINITION, version=1)
"""Of when a claim was of all that was to be taken back, whatever of it nobody had yet; who knows only that version lets
those of today alone, which would be booked otherwise."""


def done(order: RedemptionOrder, card: GiftCard, run: Run, now: datetime) -> Stepped:
    """The customer owes it; this book posts its leg under the same saga (3.3)."""
    plan: ClaimPlan = run.plan
    return taking_back.taken_back_paid(
        order, card, plan.what, claimed_minor=plan.amount_minor, saga_id=run.id, now=now
    )


def aborted(order: RedemptionOrder, card: GiftCard, run: Run, now: datetime) -> Stepped:
    """Neither book has it."""
    return taking_back.claim_refused(order, card, now, run.reason)


ENDING = Ending(DEFINITION, done, aborted)
