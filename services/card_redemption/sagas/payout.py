"""A payout: the credit ledger pays, at once or by a leg of which it tells later (P28)."""

from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption import paying
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.participation import LedgerPayout, PayoutAnswer, PayRedemption
from services.card_redemption.domain.redemption.plans import Kind, PayoutPlan
from services.card_redemption.domain.redemption.stepping import Stepped
from services.card_redemption.sagas.ending import Ending, answer, credit_ledger
from services.kernel.saga import GIVEN_UP, Definition, Run

DEFINITION = Definition(
    kind=Kind.PAYOUT, version=1, plan_type=PayoutPlan, participants=(credit_ledger(PayRedemption, PayoutAnswer),)
)


def done(order: RedemptionOrder, card: GiftCard, run: Run, now: datetime) -> Stepped:
    """It is paid, or on its way."""
    plan: PayoutPlan = run.plan
    state = answer(run).state
    if state.paid:
        return paying.payout_paid(order, card, now, plan.payout_id, rerouted=state is LedgerPayout.REROUTED)
    return paying.payout_sent(order, card, now, plan.payout_id)


def aborted(order: RedemptionOrder, card: GiftCard, run: Run, now: datetime) -> Stepped:
    """What a person gave up is asked for again as it is. An answer of the credit ledger is final: what can pass it does
    not refuse, but lets wait, so the payout goes another way; what is owed stays owed (PM-3)."""
    again = paying.payout_delayed if run.reason == GIVEN_UP else paying.payout_refused
    return again(order, card, now, run.reason)


ENDING = Ending(DEFINITION, done, aborted)
