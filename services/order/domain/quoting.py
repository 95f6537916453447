"""The plan of a quote: what it is asked for, and what an accepted one pins on the plan that it promised (U1).

A plan that nobody quoted never comes here.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from services.order.domain.commands import CancelOrder, RefundAmount
from services.order.domain.completion import returnable
from services.order.domain.fulfilment import cancellation_plan
from services.order.domain.lines import LineAmount, LineQuantity
from services.order.domain.order import Order
from services.order.domain.plans import CancellationPlan, Pins, RefundPlan
from services.order.domain.quotes import QuoteContent, check_quote
from services.order.domain.refunding import amount_plan, must_be_returnable, return_plan
from services.order.domain.returns import ReturnCase, accepted_units, case_of

ASKED = "OTHER"
"""The reason that stands in a cancel which is only asked about."""


@dataclass(frozen=True, slots=True)
class OfCancel:
    """A cancel of these units, or of all that have not shipped."""

    lines: tuple[LineQuantity, ...] = ()


@dataclass(frozen=True, slots=True)
class OfReturn:
    """A return of these units, or of all that can be returned."""

    lines: tuple[LineQuantity, ...] = ()


@dataclass(frozen=True, slots=True)
class OfReceipt:
    """The receipt of what this return case is about, less what is deducted."""

    return_id: str
    deductions: tuple[LineAmount, ...] = ()


@dataclass(frozen=True, slots=True)
class OfAmount:
    """Money back without goods; a price reduction if a line is named."""

    amount_minor: int
    line_id: str = ""


Subject = OfCancel | OfReturn | OfReceipt | OfAmount
QuotedPlan = CancellationPlan | RefundPlan
P = TypeVar("P", CancellationPlan, RefundPlan)


def quoted_plan(order: Order, case: ReturnCase | None, subject: Subject, now: datetime) -> QuotedPlan:
    """The plan that this would have now, refused as it would be; `case` is the one that is named, if there is one."""
    match subject:
        case OfCancel(lines):
            return cancellation_plan(order, CancelOrder(order.id, ASKED, lines=lines), now)
        case OfAmount(amount_minor, line_id):
            return amount_plan(order, "", RefundAmount(order.id, amount_minor, line_id=line_id), now)
        case OfReceipt(return_id, deductions):
            received = case_of(case, return_id, order.id)
            accepted = accepted_units(received, received.accepted)
            return return_plan(
                order, "", received.id, requested=received.lines, accepted=accepted, deductions=deductions
            )
        case OfReturn(lines):
            return _return_plan(order, lines, now)


def pinned(plan: P, quote: QuoteContent, order: Order, now: datetime) -> P:
    """The plan with what an accepted quote pins; refused unless the quote is for just this plan and still holds."""
    units = tuple(LineQuantity(value.id, value.quantity) for value in plan.lines)
    check_quote(
        quote, kind=plan.kind, order_id=order.id, version=order.version, amount_minor=plan.money.amount_minor,
        lines=units, amounts=amounts_of(plan), now=now,
    )
    return replace(plan, pins=Pins(quote.account_version, quote.valid_until, quote.digest))


def amounts_of(plan: QuotedPlan) -> tuple[LineAmount, ...]:
    """What a quote pins of single lines beside their units: deductions, or a price reduction."""
    return plan.amounts if isinstance(plan, RefundPlan) else ()


def _return_plan(order: Order, asked: tuple[LineQuantity, ...], now: datetime) -> RefundPlan:
    lines = asked or tuple(LineQuantity(line.id, line.returnable) for line in order.lines if line.returnable)
    returnable(order, now)
    must_be_returnable(order, lines)
    return return_plan(order, "", "", (), lines)
