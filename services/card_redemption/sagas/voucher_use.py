"""Spending a voucher: the credit ledger pays, the voucher is worth so much less (P35)."""

from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption import vouchers
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.participation import CustomerAnswer, PayVoucherUse
from services.card_redemption.domain.redemption.plans import Kind, VoucherPlan
from services.card_redemption.domain.redemption.stepping import Stepped
from services.card_redemption.sagas.ending import Ending, credit_ledger
from services.kernel.saga import Definition, Run

DEFINITION = Definition(
    kind=Kind.VOUCHER_USE, version=1, plan_type=VoucherPlan,
    participants=(credit_ledger(PayVoucherUse, CustomerAnswer),),
)


def done(order: RedemptionOrder, card: GiftCard, run: Run, now: datetime) -> Stepped:
    """It was spent."""
    plan: VoucherPlan = run.plan
    return vouchers.used(order, card, run.id, plan.amount_minor, now)


def aborted(order: RedemptionOrder, card: GiftCard, run: Run, now: datetime) -> Stepped:
    """It is worth what it was."""
    return vouchers.use_refused(order, card, now, run.reason)


ENDING = Ending(DEFINITION, done, aborted)
