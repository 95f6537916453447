"""Stopping a payout, to take something back out of it: only a confirmed stop is "not yet paid" (OP-2, OP-8)."""

from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption import stopping, taking_back
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.participation import LedgerPayout, PayoutAnswer, StopRedemptionPayout
from services.card_redemption.domain.redemption.plans import Kind, StopPlan
from services.card_redemption.domain.redemption.stepping import Stepped
from services.card_redemption.domain.redemption.taking_back import Cause
from services.card_redemption.sagas.ending import Ending, answer, credit_ledger
from services.kernel.saga import Definition, Run

DEFINITION = Definition(
    kind=Kind.STOP_PAYOUT,
    version=1,
    plan_type=StopPlan,
    participants=(credit_ledger(StopRedemptionPayout, PayoutAnswer, planned=lambda plan: ()),),
)


def done(order: RedemptionOrder, card: GiftCard, run: Run, now: datetime) -> Stepped:
    """It was stopped, and the card book takes back alone, if that is enough; what is left whoever asked stops further
    on, or claims."""
    plan: StopPlan = run.plan
    stopped = answer(run).state is LedgerPayout.STOPPED
    if not stopped:
        return stopping.not_stopped(order, card, now)
    if plan.what.cause is Cause.PAYOUT_HOLD or not taking_back.is_covered(order, plan.what, plan.payout_id):
        return stopping.held(order, card, plan.payout_id, now)
    return taking_back.taken_back_unpaid(order, card, plan.what, now, plan.payout_id)


def aborted(order: RedemptionOrder, card: GiftCard, run: Run, now: datetime) -> Stepped:
    """Nothing is taken back; whoever asked may ask again."""
    return taking_back.claim_refused(order, card, now, run.reason)


ENDING = Ending(DEFINITION, done, aborted)
