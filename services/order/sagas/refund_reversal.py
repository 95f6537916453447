"""Refund reversal: what a refund did is undone in all books, and the order is as before it (P24)."""

from datetime import datetime

from services.kernel.decision import Decision, Known, Timer
from services.kernel.saga import Definition, Run
from services.order.domain import outcomes, participation
from services.order.domain.completion import alarm
from services.order.domain.events import RefundReversed
from services.order.domain.order import Order, after
from services.order.domain.plans import ReversalPlan
from services.order.domain.returns import ReturnCase
from services.order.domain.states import Kind, OrderState
from services.order.sagas.ending import Ended, Ending, card_redemption, credit_ledger, creditor


def _reverse(plan: ReversalPlan) -> participation.ReverseRefund | participation.ClawBackFromMerchant:
    if not plan.money.in_credit_ledger:
        return participation.ClawBackFromMerchant(plan.money, plan.uncovered_minor, undone=True)
    return participation.ReverseRefund(plan.money, plan.refund_id)


def _reverse_card(plan: ReversalPlan) -> participation.ReverseCardRefund:
    return participation.ReverseCardRefund(plan.money, plan.refund_id)


DEFINITION = Definition(
    kind=Kind.REFUND_REVERSAL, version=2, plan_type=ReversalPlan,
    participants=(
        creditor(_reverse, lambda plan: plan.money.in_credit_ledger or plan.uncovered_minor > 0),
        card_redemption(_reverse_card),
    ),
)

_EARLIER = Definition(
    kind=Kind.REFUND_REVERSAL, version=1, plan_type=ReversalPlan,
    participants=(credit_ledger(_reverse), card_redemption(_reverse_card)),
)
"""Before the credit ledger took part where only a gift card moves (P24)."""


def done(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """Quantities, price reductions, tenders and coupon are as before the refund; deductions that it gave back stand
    again."""
    plan: ReversalPlan = run.plan
    reverted = outcomes.refund_undone(order, plan, run.id)
    undone = reverted.refund_of(plan.refund_settlement_id)
    assert undone is not None
    fact = RefundReversed(order.id, undone.id, undone.amount_minor, run.id, plan.reduced_line)
    reversed_order, events = after(reverted, now, fact)
    return_id = plan.given_back_of or plan.return_id
    case = known.find(ReturnCase, return_id) if return_id else None
    later = outcomes.case_refund_undone(case, plan, now) if case is not None else None
    return Ended(reversed_order, later, Decision(events=events, timers=_alarms(order, now)))


def _alarms(order: Order, now: datetime) -> tuple[Timer, ...]:
    """A fully refunded order waited for nothing any more; now it may be completed again."""
    if order.delivered_at is None or order.state is not OrderState.FULLY_REFUNDED:
        return ()
    return (alarm(order, order.delivered_at, now),)


def aborted(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """The refund stands."""
    still, events = after(order, now, settlement_id="")
    return Ended(still, rest=Decision(events=events))


ENDING = Ending(DEFINITION, done, aborted, earlier=(_EARLIER,))
