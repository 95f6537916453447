"""Refund plans: returned units or an amount, over lines, tenders and coupon, within what is left (1.4, PR-4, PR-5)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.kernel.errors import FailedPrecondition
from services.kernel.money import amount
from services.order.domain.bank_shares import Refund
from services.order.domain.commands import RefundAmount
from services.order.domain.completion import refundable
from services.order.domain.credit_terms import Route
from services.order.domain.lines import LineQuantity, LineValue, chosen, returned_value
from services.order.domain.order import Order
from services.order.domain.plans import RefundPlan, ReversalPlan, movement
from services.order.domain.states import RefundState
from services.order.domain.tenders import TenderType, refund_coupon, refund_shares

REFUNDS_MAX = 500
"""An order has at most 500 refunds, for they stand in its row."""


def must_be_shipped(order: Order) -> None:
    """Only what shipped can come back (CR-3)."""
    if not order.shipped:
        raise FailedPrecondition("ORDER_NOT_SHIPPED", f"{order.id} is {order.state}: nothing has shipped")


def requested_values(order: Order, asked: Sequence[LineQuantity]) -> tuple[LineValue, ...]:
    """What a new return case is about, after all open ones; refused so that a refused return leaves nothing behind."""
    must_be_shipped(order)
    values = []
    for index, quantity in chosen(order.lines, asked):
        line = order.lines[index]
        if quantity > line.returnable:
            raise FailedPrecondition("QUANTITY_EXCEEDS_BOUGHT", f"{line.returnable} units of {line.id} can be returned")
        values.append(returned_value(line, quantity, line.returned + line.returning))
    waiting = sum(
        returned_value(line, line.returning, line.returned).amount_minor for line in order.lines if line.returning
    )
    _within(order, waiting + sum(value.amount_minor for value in values))
    return tuple(values)


def return_values(order: Order, accepted: Sequence[LineQuantity]) -> tuple[LineValue, ...]:
    """What the accepted units of an open case are worth now."""
    values = []
    for index, quantity in chosen(order.lines, accepted):
        line = order.lines[index]
        out = line.shipped - line.returned
        if quantity > out:
            raise FailedPrecondition("QUANTITY_EXCEEDS_BOUGHT", f"{out} units of {line.id} are out")
        values.append(returned_value(line, quantity, line.returned))
    return tuple(values)


def return_plan(
    order: Order, refund_id: str, return_id: str, requested: tuple[LineQuantity, ...], accepted: Sequence[LineQuantity]
) -> RefundPlan:
    """The refund of a return case of which these units were accepted."""
    values = return_values(order, accepted)
    plan = _plan(order, refund_id, values, sum(value.amount_minor for value in values))
    return replace(plan, return_id=return_id, requested=requested)


def amount_plan(order: Order, refund_id: str, body: RefundAmount, now: datetime) -> RefundPlan:
    """Money back without goods: quantities do not move."""
    must_be_shipped(order)
    refundable(order, now)
    return replace(_plan(order, refund_id, (), amount(body.amount_minor, "a refund")), reason=body.reason)


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
        reason=reason, uncovered_minor=uncovered_minor,
    )


def _plan(order: Order, refund_id: str, values: tuple[LineValue, ...], amount_minor: int) -> RefundPlan:
    _within(order, amount_minor)
    if len(order.refunds) >= REFUNDS_MAX:
        raise FailedPrecondition("ORDER_STATE", f"{order.id} has {REFUNDS_MAX} refunds")
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


def _within(order: Order, amount_minor: int) -> None:
    if amount_minor > order.refundable_minor:
        raise FailedPrecondition("REFUND_EXCEEDS_REMAINING", f"{order.refundable_minor} is left to refund (PR-5)")
