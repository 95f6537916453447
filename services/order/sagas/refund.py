"""Refund: returned units, or an amount, go back to the tenders that paid them, in all books or in none (CR-7, CR-8)."""

from datetime import datetime

from services.kernel.decision import Decision, Known
from services.kernel.saga import Definition, Run
from services.order.domain import outcomes
from services.order.domain.bank_shares import Refund
from services.order.domain.completion import no_alarm
from services.order.domain.events import OrderRefunded, RefundAccepted, RefundFailed
from services.order.domain.lines import LineQuantity
from services.order.domain.order import Order, after
from services.order.domain.participation import ClawBackFromMerchant, RefundCard, RefundTenders, uncovered_minor
from services.order.domain.plans import RefundPlan
from services.order.domain.returns import ReturnCase
from services.order.domain.states import Kind, OrderState
from services.order.sagas.ending import Ended, Ending, card_redemption, credit_ledger, creditor


def _refund(plan: RefundPlan, uncovered: int = 0) -> RefundTenders | ClawBackFromMerchant:
    if not plan.money.in_credit_ledger:
        return ClawBackFromMerchant(plan.money, uncovered)
    return RefundTenders(plan.money, plan.refund_id, plan.pins, uncovered, goods_back=plan.goods_back)


def _refund_card(plan: RefundPlan) -> RefundCard:
    return RefundCard(plan.money, plan.refund_id, plan.awaits_network)


DEFINITION = Definition(
    kind=Kind.REFUND, version=2, plan_type=RefundPlan,
    participants=(
        creditor(_refund, lambda plan: True, lambda run: _refund(run.plan, uncovered_minor(run))),
        card_redemption(_refund_card),
    ),
)

_EARLIER = Definition(
    kind=Kind.REFUND, version=1, plan_type=RefundPlan,
    participants=(credit_ledger(_refund), card_redemption(_refund_card)),
)
"""Before the credit ledger took part where only a gift card moves (P23)."""


def done(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """The money is back, or accepted by the flash network (PM-1)."""
    plan: RefundPlan = run.plan
    given = outcomes.refunded(order, run)
    entry = given.refund_of(run.id)
    assert entry is not None
    refunded, events = after(given, now, _fact(plan, entry, given.state))
    case = _case(known, plan)
    later = outcomes.case_refunded(case, plan, entry.state, now) if case is not None else None
    return Ended(refunded, later, Decision(events=events, cleared=no_alarm(order, given.state)))


def aborted(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """Nothing was changed. A return whose quote was stale may be confirmed again, deductions that were to be given back
    are in dispute again; any other failure needs a person."""
    plan: RefundPlan = run.plan
    fact = RefundFailed(order.id, plan.refund_id, run.reason, run.id)
    failed, events = after(outcomes.not_refunded(order, run.id), now, fact)
    case = _case(known, plan)
    later = outcomes.case_not_refunded(case, plan, run.reason, now) if case is not None else None
    return Ended(failed, later, Decision(events=events))


def refunded_fact(plan: RefundPlan, entry: Refund, state: OrderState) -> OrderRefunded:
    """The refund took effect everywhere."""
    units = tuple(LineQuantity(value.id, value.quantity) for value in plan.lines)
    full = state is OrderState.FULLY_REFUNDED
    return OrderRefunded(
        order_id=plan.money.order_id, refund_id=plan.refund_id, shares=plan.money.shares, lines=units, full=full,
        settlement_id=entry.settlement_id, reduced_line=plan.reduced_line, confirmed_at=entry.confirmed_at,
        manual=entry.manual,
    )


def _fact(plan: RefundPlan, entry: Refund, state: OrderState) -> object:
    if not entry.stands:
        return RefundAccepted(
            order_id=plan.money.order_id, refund_id=plan.refund_id, shares=plan.money.shares,
            settlement_id=entry.settlement_id, reduced_line=plan.reduced_line,
        )
    return refunded_fact(plan, entry, state)


def _case(known: Known, plan: RefundPlan) -> ReturnCase | None:
    """The return case that moves with the refund."""
    return_id = plan.return_id or plan.given_back_of
    return known.find(ReturnCase, return_id) if return_id else None


ENDING = Ending(DEFINITION, done, aborted, earlier=(_EARLIER,))
