"""The receipt of a return: it alone starts the refund (CR-7)."""

from dataclasses import replace
from datetime import datetime

from services.kernel.decision import Decision, Done, Known
from services.kernel.errors import FailedPrecondition
from services.kernel.messages import Message
from services.order.decisions.beginning import Begun, refund_begun
from services.order.decisions.identity import fresh
from services.order.domain import returns
from services.order.domain.answers import Received
from services.order.domain.commands import ConfirmReceipt
from services.order.domain.deductions import Deduction, amounts_of, must_be_founded
from services.order.domain.events import ReturnReceived
from services.order.domain.lines import LineQuantity
from services.order.domain.order import Order, owned, refuse_while_settling
from services.order.domain.quotes import QuoteContent
from services.order.domain.quoting import pinned
from services.order.domain.refunding import return_plan
from services.order.domain.returns import ReturnCase
from services.order.domain.states import DeductionState, ReturnState


def confirm_receipt(known: Known, body: ConfirmReceipt, message: Message, now: datetime) -> Decision:
    """The merchant got the goods: this alone starts the refund of a return (CR-7)."""
    order = owned(known.find(Order, body.order_id), body.order_id)
    case = returns.case_of(known.find(ReturnCase, body.return_id), body.return_id, body.order_id)
    refuse_while_settling(order)
    returns.expect(case, ReturnState.IN_RETURN, ReturnState.REFUND_EXCEPTION, ReturnState.IN_DISPUTE)
    refund, received = accepted(
        known=known, order=order, case=case, message=message, now=now, asked=body.accepted, quote=body.quote,
        deductions=body.deductions,
    )
    return refund.decided(Done(Received(refund.order, refund.run, received)))


def accepted(
    known: Known, order: Order, case: ReturnCase, message: Message, now: datetime, *,
    asked: tuple[LineQuantity, ...], quote: QuoteContent | None = None, first: tuple[object, ...] = (),
    deductions: tuple[Deduction, ...] = (),
) -> tuple[Begun, ReturnCase]:
    """The goods are there and these units are accepted: the refund of the case begins, told after the `first` facts.

    It pays less what is deducted and never more than is left of the order, so no amount keeps goods out (PR-9).
    """
    returns.arrived(case)
    if order.refund_of(case.settlement_id) is not None:
        raise FailedPrecondition("RETURN_STATE", f"{case.id} is refunded by {case.settlement_id} already")
    units = returns.accepted_units(case, asked)
    must_be_founded(deductions)
    plan = return_plan(
        order=order, refund_id=fresh("rfd", message), return_id=case.id, requested=case.lines, accepted=units,
        deductions=amounts_of(deductions),
    )
    if quote is not None:
        plan = pinned(plan, quote, order, now)
    if deductions:
        order = replace(order, contestable_until=returns.contestable_until(now))
    fact = ReturnReceived(order.id, case.id, units, fresh("saga", message), deductions)
    refund = refund_begun(known, order, message, plan, now, facts=(*first, fact))
    state = ReturnState.REFUNDED if refund.run.terminal else ReturnState.REFUNDING
    received = returns.stepped(
        case, now, state, accepted=units, settlement_id=refund.run.id, deductions=deductions,
        deduction_state=DeductionState.TAKEN if deductions else None,
        deducted_at=now if deductions else None,
    )
    return refund._replace(case=received), received
