"""What the end of a settlement leaves of its order and of its return case.

Decisions tell it as it happens; the auditor replays it from the plans on record.
"""

from dataclasses import replace
from datetime import datetime

from services.kernel.errors import Defect
from services.kernel.saga import Run
from services.order.domain.bank_shares import BankShare, Refund, overall
from services.order.domain.lines import Line, updated
from services.order.domain.order import Order, moved, summary, with_refund
from services.order.domain.participation import credit_effect
from services.order.domain.placing import hold_expiry
from services.order.domain.plans import (
    CancellationPlan,
    CapturePlan,
    DepositReturnPlan,
    PlacementPlan,
    RefundPlan,
    ReversalPlan,
)
from services.order.domain.returns import RETURN_STATES, ReturnCase, stepped
from services.order.domain.states import DeductionState, OrderState, RefundState, ReturnState
from services.order.domain.tenders import TenderType, settled

PENDING = "PENDING_CHANNEL"
"""What the credit ledger calls a refund that waits for the flash network."""


def placed(order: Order, authorized_at: datetime) -> Order:
    """All tenders are reserved: the merchant may ship, as long as the hold lasts."""
    return replace(
        order, state=OrderState.AWAITING_SHIPMENT, settlement_id="", hold_expires_at=hold_expiry(authorized_at)
    )


def rejected(order: Order, reason: str, returning_id: str = "") -> Order:
    """A tender failed: the order is dead; a settlement may be returning its bank payment."""
    return replace(order, state=OrderState.REJECTED, settlement_id=returning_id, reject_reason=reason)


def deposit_return_plan(placement: PlacementPlan) -> DepositReturnPlan | None:
    """What goes back of a placement that failed: the bank payment that the acquirer took; None if there is none."""
    shares = tuple(
        share for share in placement.money.shares if share.type is TenderType.BANKCARD and share.amount_minor
    )
    if not shares:
        return None
    money = placement.money._replace(shares=shares, card_id="", coupon_minor=0)
    return DepositReturnPlan(money, placement.payment_reference)


def deposit_returned(order: Order, plan: DepositReturnPlan) -> Order:
    """The rail has the bank payment of a rejected order (PM-5)."""
    return replace(order, tenders=moved(order.tenders, plan.money.shares, "released_minor"), settlement_id="")


def shipped(order: Order, plan: CapturePlan) -> Order:
    """These units are on their way, their share is captured."""
    raised = ((v.id, {"shipped": v.quantity, "captured_minor": v.amount_minor}) for v in plan.lines)
    lines, tenders = updated(order.lines, raised), moved(order.tenders, plan.money.shares, "captured_minor")
    return replace(
        order, lines=lines, tenders=tenders, settlement_id="", state=summary(order, lines=lines, tenders=tenders),
        coupon=order.coupon._replace(captured_minor=order.coupon.captured_minor + plan.money.coupon_minor),
    )


def cancelled(order: Order, plan: CancellationPlan) -> Order:
    """Nothing of these units is owed any more (CR-10)."""
    raised = ((value.id, {"cancelled": value.quantity}) for value in plan.lines)
    lines, tenders = updated(order.lines, raised), moved(order.tenders, plan.money.shares, "released_minor")
    expired = order.expired or plan.expired
    return replace(
        order, lines=lines, tenders=tenders, settlement_id="", expired=expired,
        coupon=order.coupon._replace(released_minor=order.coupon.released_minor + plan.money.coupon_minor),
        cancel_reason=plan.reason or order.cancel_reason,
        state=summary(order, lines=lines, tenders=tenders, expired=expired),
    )


def as_before(order: Order) -> Order:
    """A shipment or a cancel came to nothing."""
    return replace(order, settlement_id="", state=summary(order))


def refunded(order: Order, run: Run) -> Order:
    """The money is back, or accepted by the flash network (PM-1)."""
    plan: RefundPlan = run.plan
    lines, refunds = _received(order.lines, plan), with_refund(order, _entry(order, run))
    tenders = moved(order.tenders, plan.money.shares, "refunded_minor")
    return replace(
        order, lines=lines, tenders=tenders, refunds=refunds, settlement_id="",
        coupon=order.coupon._replace(refunded_minor=order.coupon.refunded_minor + plan.money.coupon_minor),
        state=summary(order, lines=lines, refunds=refunds, tenders=tenders),
    )


def not_refunded(order: Order, settlement_id: str) -> Order:
    """A refund failed: nothing was changed, and it is on record no more."""
    kept = tuple(refund for refund in order.refunds if refund.settlement_id != settlement_id)
    return replace(order, refunds=kept, settlement_id="")


def refund_undone(order: Order, plan: ReversalPlan, settlement_id: str) -> Order:
    """Quantities, price reductions, tenders and coupon are as before the refund (P24)."""
    undone = order.refund_of(plan.refund_settlement_id)
    if undone is None:
        raise Defect(f"{order.id} does not know the refund of {plan.refund_settlement_id}")
    tenders = moved(order.tenders, plan.money.shares, "refunded_minor", -1)
    if undone.bank_arrived:
        tenders = settled(tenders, -plan.money.of(TenderType.BANKCARD))
    lines = _before(order.lines, plan)
    refunds = with_refund(order, undone._replace(state=RefundState.REVERSED, reversal_id=settlement_id))
    return replace(
        order, lines=lines, tenders=tenders, refunds=refunds, settlement_id="",
        coupon=order.coupon._replace(refunded_minor=order.coupon.refunded_minor - plan.money.coupon_minor),
        state=summary(order, lines=lines, refunds=refunds, tenders=tenders),
    )


def case_refunded(case: ReturnCase, plan: RefundPlan, state: RefundState, now: datetime) -> ReturnCase | None:
    """The return case that moves with a refund: its own state, or where its deductions stand if they come back; None
    if it stays."""
    if plan.given_back_of:
        return stepped(case, now, case.state, deduction_state=DeductionState.GIVEN_BACK)
    return None if case.state is RETURN_STATES[state] else stepped(case, now, RETURN_STATES[state])


def case_not_refunded(case: ReturnCase, plan: RefundPlan, reason: str, now: datetime) -> ReturnCase | None:
    """A return whose quote was stale may be confirmed again, deductions that were to be given back are in dispute
    again; any other failure needs a person."""
    if plan.given_back_of:
        return stepped(case, now, case.state, deduction_state=DeductionState.DISPUTED)
    state = ReturnState.IN_RETURN if reason == "QUOTE_STALE" else ReturnState.REFUND_EXCEPTION
    return None if case.state is state else stepped(case, now, state)


def case_refund_undone(case: ReturnCase, plan: ReversalPlan, now: datetime) -> ReturnCase | None:
    """Deductions that were given back stand again, and a refund that waited for a person waits for nobody any more, so
    that its case is at its end."""
    if plan.given_back_of:
        return stepped(case, now, case.state, deduction_state=DeductionState.CONFIRMED)
    return stepped(case, now, ReturnState.REFUNDED) if case.state is ReturnState.REFUND_EXCEPTION else None


def _entry(order: Order, run: Run) -> Refund:
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


def _before(lines: tuple[Line, ...], plan: ReversalPlan) -> tuple[Line, ...]:
    if plan.reduced_line:
        return updated(lines, ((plan.reduced_line, {"reduced_minor": -plan.money.amount_minor}),))
    return updated(lines, ((v.id, {"returned": -v.quantity, "returned_minor": -v.amount_minor}) for v in plan.lines))
