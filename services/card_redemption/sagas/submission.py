"""A submission asks its customer's root: is the face small enough for his first, is he restricted (RD-23, RD-25)."""

from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption import submitting
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.participation import AdmitRedemption
from services.card_redemption.domain.redemption.plans import Kind, SubmissionPlan
from services.card_redemption.domain.redemption.stepping import Stepped
from services.card_redemption.sagas.ending import Ending, redeemer
from services.kernel.saga import Definition, Run

DEFINITION = Definition(
    kind=Kind.SUBMISSION, version=1, plan_type=SubmissionPlan, participants=(redeemer(AdmitRedemption),)
)


def done(order: RedemptionOrder, card: GiftCard, run: Run, now: datetime) -> Stepped:
    """It is accepted, and its windows run."""
    return submitting.accepted(order, card, now)


def aborted(order: RedemptionOrder, card: GiftCard, run: Run, now: datetime) -> Stepped:
    """It failed and leaves no claim."""
    return submitting.submission_failed(order, card, now, run.reason)


ENDING = Ending(DEFINITION, done, aborted)
