"""Refund plans: returned units or an amount, over lines, tenders and coupon, within what is left (1.4, PR-4, PR-5).

Money may be refused, goods never are: a return pays what is left, down to nothing (PR-9).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.kernel.errors import FailedPrecondition
from services.kernel.money import amount
from services.order.domain.bank_shares import Refund
from services.order.domain.commands import RefundAmount
from services.order.domain.completion import refundable
from services.order.domain.credit_terms import Route
from services.order.domain.deductions import amounts_of, deducted
from services.order.domain.lines import LineAmount, LineQuantity, LineValue, chosen, line_named, returned_value
from services.order.domain.order import Order
from services.order.domain.plans import RefundPlan, ReversalPlan, movement
from services.order.domain.returns import ReturnCase
from services.order.domain.states import RefundState
from services.order.domain.tenders import TenderType, refund_coupon, refund_shares

AMOUNT_REFUNDS_MAX = 500
"""Money is given back without goods only as long as an order has fewer refunds than this, for they stand in its row."""

REFUNDS_MAX = 1_000
"""A return is taken up only as long as an order has fewer refunds than this; one that is under way is never refused."""


def must_be_shipped(order: Order) -> None:
    """Only what shipped can come back (CR-3)."""
    if not order.shipped:
        raise FailedPrecondition("ORDER_NOT_SHIPPED", f"{order.id} is {order.state}: nothing has shipped")


def must_be_returnable(order: Order, asked: Sequence[LineQuantity]) -> None:
    """Refuse a new return of units that are not out, or wait in another case. No amount refuses goods (PR-9)."""
    must_be_shipped(order)
    _fewer_refunds(order, REFUNDS_MAX)
    for index, quantity in chosen(order.lines, asked):
        line = order.lines[index]
        if quantity > line.returnable:
            raise FailedPrecondition("QUANTITY_EXCEEDS_BOUGHT", f"{line.returnable} units of {line.id} can be returned")


def return_values(order: Order, accepted: Sequence[LineQuantity]) -> tuple[LineValue, ...]:
    """What the accepted units of an open case are worth now."""
    values = []
    for index, quantity in chosen(order.lines, accepted):
        line = order.lines[index]
        out = line.shipped - line.returned
        if quantity > out:
            raise FailedPrecondition("QUANTITY_EXCEEDS_BOUGHT", f"{out} units of {line.id} are out")
        values.append(returned_value(line, quantity))
    return tuple(values)


def return_plan(
    order: Order, refund_id: str, return_id: str, requested: tuple[LineQuantity, ...],
    accepted: Sequence[LineQuantity], deductions: Sequence[LineAmount] = (),
) -> RefundPlan:
    """The refund of a return case of which these units were accepted.

    It pays what they are worth less what is deducted, or what is left of the order, which may be nothing (PR-9).
    """
    values = deducted(return_values(order, accepted), deductions)
    due = sum(value.due_minor for value in values)
    plan = _plan(order, refund_id, values, min(due, order.refundable_minor))
    return replace(plan, return_id=return_id, requested=requested)


def amount_plan(order: Order, refund_id: str, body: RefundAmount, now: datetime) -> RefundPlan:
    """Money back without goods: quantities do not move.
    A price reduction is at most what is left of its line (PR-8)."""
    must_be_shipped(order)
    refundable(order, now)
    amount(body.amount_minor, "a refund")
    if body.line_id:
        left = line_named(order.lines, body.line_id).left_minor
        if body.amount_minor > left:
            raise FailedPrecondition("REFUND_EXCEEDS_REMAINING", f"{left} is left of line {body.line_id} (PR-8)")
    if body.amount_minor > order.refundable_minor:
        raise FailedPrecondition("REFUND_EXCEEDS_REMAINING", f"{order.refundable_minor} is left to refund (PR-5)")
    _fewer_refunds(order, AMOUNT_REFUNDS_MAX)
    return replace(_plan(order, refund_id, (), body.amount_minor), reason=body.reason, reduced_line=body.line_id)


def give_back_plan(order: Order, refund_id: str, case: ReturnCase, reason: str) -> RefundPlan:
    """The deductions of a case given back, as far as anything is left of the order (PR-9).

    Where the refund of the case was undone meanwhile, nothing is withheld any more.
    """
    refund = order.refund_of(case.settlement_id)
    stands = refund is not None and refund.state is not RefundState.REVERSED
    given_back = amounts_of(case.deductions) if stands else ()
    due = min(sum(each.amount_minor for each in given_back), order.refundable_minor)
    plan = _plan(order, refund_id, (), due)
    return replace(plan, reason=reason, given_back_of=case.id, given_back=given_back)


def refund_to_reverse(order: Order, settlement_id: str) -> Refund:
    """The refund that is to be undone: the named one, or the last accepted one that still stands."""
    standing = [refund for refund in order.refunds if refund.state is not RefundState.REVERSED]
    if settlement_id:
        standing = [refund for refund in standing if refund.settlement_id == settlement_id]
    if not standing or not standing[-1].stands:
        waits = bool(standing) and standing[-1].waits
        raise FailedPrecondition("NO_REFUND_TO_REVERSE", "it still waits for its channel" if waits else "there is none")
    return standing[-1]


def reversal_plan(refund: Refund, refunded: RefundPlan, reason: str, uncovered_minor: int) -> ReversalPlan:
    """The same money the other way (P24)."""
    return ReversalPlan(
        money=refunded.money, refund_id=refund.id, refund_settlement_id=refund.settlement_id, lines=refunded.lines,
        reason=reason, uncovered_minor=uncovered_minor, reduced_line=refunded.reduced_line,
        given_back_of=refunded.given_back_of, return_id=refunded.return_id,
    )


def _plan(order: Order, refund_id: str, values: tuple[LineValue, ...], amount_minor: int) -> RefundPlan:
    coupon_minor = refund_coupon(order.coupon, order.tenders, amount_minor)
    moved = movement(order, refund_shares(order.tenders, amount_minor), coupon_minor)
    flash = order.terms is not None and order.terms.route is Route.FLASH
    return RefundPlan(
        moved, refund_id, values,
        coupon_basis=(
            order.coupon.captured_minor, order.captured_minor, order.refunded_minor + amount_minor,
            order.coupon.refunded_minor,
        ),
        awaits_network=flash and moved.of(TenderType.CREDIT) > 0,
    )


def _fewer_refunds(order: Order, limit: int) -> None:
    if len(order.refunds) >= limit:
        raise FailedPrecondition("ORDER_STATE", f"{order.id} has {len(order.refunds)} refunds")
