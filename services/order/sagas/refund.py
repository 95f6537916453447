"""Refund: returned units, or an amount, go back to the tenders that paid them, in all books or in none (CR-7, CR-8)."""

from datetime import datetime

from services.kernel.decision import Decision, Known
from services.kernel.errors import Defect
from services.kernel.saga import Definition, Run
from services.order.domain.bank_shares import BankShare, Refund, overall
from services.order.domain.completion import no_alarm
from services.order.domain.events import OrderRefunded, RefundAccepted, RefundFailed
from services.order.domain.lines import Line, LineQuantity, updated
from services.order.domain.order import Order, after, moved, summary, with_refund
from services.order.domain.participation import (
    ClawBackFromMerchant,
    RefundCard,
    RefundTenders,
    credit_effect,
    uncovered_minor,
)
from services.order.domain.plans import RefundPlan
from services.order.domain.returns import RETURN_STATES, ReturnCase, stepped
from services.order.domain.states import DeductionState, Kind, OrderState, RefundState, ReturnState
from services.order.domain.tenders import TenderType
from services.order.sagas.ending import Ended, Ending, card_redemption, credit_ledger, creditor

PENDING = "PENDING_CHANNEL"
"""What the credit ledger calls a refund that waits for the flash network."""


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
    entry = _entry(order, run, now)
    refunds = with_refund(order, entry)
    lines = _received(order.lines, plan)
    tenders = moved(order.tenders, plan.money.shares, "refunded_minor")
    coupon = order.coupon._replace(refunded_minor=order.coupon.refunded_minor + plan.money.coupon_minor)
    state = summary(order, lines=lines, refunds=refunds, tenders=tenders)
    refunded, events = after(
        order, now, _fact(plan, entry, state), lines=lines, tenders=tenders, coupon=coupon, refunds=refunds,
        state=state, settlement_id="",
    )
    case = _later(known, plan, RETURN_STATES[entry.state], DeductionState.GIVEN_BACK, now)
    return Ended(refunded, case, Decision(events=events, cleared=no_alarm(order, state)))


def aborted(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """Nothing was changed. A return whose quote was stale may be confirmed again, deductions that were to be given back
    are in dispute again; any other failure needs a person."""
    plan: RefundPlan = run.plan
    refunds = tuple(refund for refund in order.refunds if refund.settlement_id != run.id)
    failed, events = after(
        order, now, RefundFailed(order.id, plan.refund_id, run.reason, run.id), refunds=refunds, settlement_id=""
    )
    state = ReturnState.IN_RETURN if run.reason == "QUOTE_STALE" else ReturnState.REFUND_EXCEPTION
    case = _later(known, plan, state, DeductionState.DISPUTED, now)
    return Ended(failed, case, Decision(events=events))


def refunded_fact(plan: RefundPlan, settlement_id: str, state: OrderState) -> OrderRefunded:
    """The refund took effect everywhere."""
    units = tuple(LineQuantity(value.id, value.quantity) for value in plan.lines)
    full = state is OrderState.FULLY_REFUNDED
    return OrderRefunded(
        order_id=plan.money.order_id, refund_id=plan.refund_id, shares=plan.money.shares, lines=units, full=full,
        settlement_id=settlement_id, reduced_line=plan.reduced_line,
    )


def _fact(plan: RefundPlan, entry: Refund, state: OrderState) -> object:
    if not entry.stands:
        return RefundAccepted(
            order_id=plan.money.order_id, refund_id=plan.refund_id, shares=plan.money.shares,
            settlement_id=entry.settlement_id, reduced_line=plan.reduced_line,
        )
    return refunded_fact(plan, entry.settlement_id, state)


def _entry(order: Order, run: Run, now: datetime) -> Refund:
    """The refund as it is now; the network's notice may have come before the last tender's answer."""
    entry = order.refund_of(run.id)
    if entry is None:
        raise Defect(f"{order.id} does not know the refund of {run.id}")
    plan: RefundPlan = run.plan
    if plan.money.of(TenderType.BANKCARD) and entry.bank is BankShare.NONE:
        entry = entry._replace(bank=BankShare.UNDER_WAY)
    effect = credit_effect(run)
    if effect is None or effect.refund_state != PENDING or entry.state is RefundState.CREDIT_DONE:
        return overall(entry._replace(posted=True))
    if entry.state is not RefundState.EXCEPTION:
        entry = entry._replace(state=RefundState.PENDING_CHANNEL)
    return overall(entry)


def _received(lines: tuple[Line, ...], plan: RefundPlan) -> tuple[Line, ...]:
    """The accepted units are returned; those of the case that were not accepted are the customer's again.

    They count as worth what they are, whatever is paid for them; a price reduction counts on its line (PR-8, PR-9).
    """
    raised: dict[str, dict[str, int]] = {value.id: {} for value in plan.lines}
    for value in plan.lines:
        raised[value.id] = {"returned": value.quantity, "returned_minor": value.amount_minor}
    for line_id, quantity in plan.requested:
        raised.setdefault(line_id, {})["returning"] = -quantity
    if plan.reduced_line:
        raised[plan.reduced_line] = {"reduced_minor": plan.money.amount_minor}
    return updated(lines, raised.items()) if raised else lines


def _later(
    known: Known, plan: RefundPlan, state: ReturnState, deduction_state: DeductionState, now: datetime
) -> ReturnCase | None:
    """The return case that moves with the refund: its own state, or where its deductions stand if they come back."""
    return_id = plan.return_id or plan.given_back_of
    case = known.find(ReturnCase, return_id) if return_id else None
    if case is None:
        return None
    if plan.given_back_of:
        return stepped(case, now, case.state, deduction_state=deduction_state)
    return None if case.state is state else stepped(case, now, state)


ENDING = Ending(DEFINITION, done, aborted, earlier=(_EARLIER,))
