"""Refund reversal: what a refund did is undone in all books, and the order is as before it (P24)."""

from datetime import datetime

from services.kernel.decision import Decision, Known, Timer
from services.kernel.errors import Defect
from services.kernel.saga import Definition, Run
from services.order.domain import participation
from services.order.domain.completion import alarm
from services.order.domain.events import RefundReversed
from services.order.domain.lines import Line, updated
from services.order.domain.order import Order, after, moved, summary, with_refund
from services.order.domain.plans import ReversalPlan
from services.order.domain.returns import ReturnCase, stepped
from services.order.domain.states import DeductionState, Kind, OrderState, RefundState, ReturnState
from services.order.domain.tenders import TenderType, settled
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
    undone = order.refund_of(plan.refund_settlement_id)
    if undone is None:
        raise Defect(f"{order.id} does not know the refund of {plan.refund_settlement_id}")
    refunds = with_refund(order, undone._replace(state=RefundState.REVERSED, reversal_id=run.id))
    lines = _before(order.lines, plan)
    tenders = moved(order.tenders, plan.money.shares, "refunded_minor", -1)
    if undone.bank_arrived:
        tenders = settled(tenders, -plan.money.of(TenderType.BANKCARD))
    coupon = order.coupon._replace(refunded_minor=order.coupon.refunded_minor - plan.money.coupon_minor)
    fact = RefundReversed(order.id, undone.id, undone.amount_minor, run.id, plan.reduced_line)
    reversed_order, events = after(
        order, now, fact, lines=lines, tenders=tenders, coupon=coupon, refunds=refunds, settlement_id="",
        state=summary(order, lines=lines, refunds=refunds, tenders=tenders),
    )
    rest = Decision(events=events, timers=_alarms(order, now))
    return Ended(reversed_order, _later(known, plan, now), rest)


def _later(known: Known, plan: ReversalPlan, now: datetime) -> ReturnCase | None:
    """The return case that moves with it: deductions that were given back stand again, and a refund that waited for a
    person waits for nobody any more, so that its case is at its end."""
    return_id = plan.given_back_of or plan.return_id
    case = known.find(ReturnCase, return_id) if return_id else None
    if case is not None and plan.given_back_of:
        return stepped(case, now, case.state, deduction_state=DeductionState.CONFIRMED)
    if case is not None and case.state is ReturnState.REFUND_EXCEPTION:
        return stepped(case, now, ReturnState.REFUNDED)
    return None


def _before(lines: tuple[Line, ...], plan: ReversalPlan) -> tuple[Line, ...]:
    if plan.reduced_line:
        return updated(lines, ((plan.reduced_line, {"reduced_minor": -plan.money.amount_minor}),))
    return updated(lines, ((v.id, {"returned": -v.quantity, "returned_minor": -v.amount_minor}) for v in plan.lines))


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
