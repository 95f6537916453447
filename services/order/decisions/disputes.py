"""Disputes about return cases: the merchant's about what arrived, the customer's about a rejection or a deduction.

None moves money; what a dispute comes to is decided by support (DOMAIN 2.2, 2.10, PR-9).
"""

from datetime import datetime

from services.kernel.decision import Decision, Done, Known
from services.kernel.errors import FailedPrecondition, InvalidArgument
from services.kernel.messages import Message
from services.kernel.people import papers
from services.order.decisions.after_sale import given_up, let_through
from services.order.decisions.beginning import refund_begun
from services.order.decisions.identity import fresh
from services.order.decisions.receiving import accepted
from services.order.domain import events, returns
from services.order.domain.answers import Resolved
from services.order.domain.commands import DisputeDeduction, DisputeReceipt, DisputeRejection, ResolveDispute
from services.order.domain.lines import returning
from services.order.domain.order import Order, after, owned, refuse_while_settling, told
from services.order.domain.refunding import give_back_plan, must_be_returnable
from services.order.domain.returns import CUSTOMER, MERCHANT, ReturnCase, disputable, expect, stepped
from services.order.domain.states import DeductionState, RefundState, ReturnState


def dispute_receipt(known: Known, body: DisputeReceipt, message: Message, now: datetime) -> Decision:
    """The merchant says that what arrived is not what was sent; beside the waybill (CR-6) that needs evidence."""
    order = owned(known.find(Order, body.order_id), body.order_id, merchant_id=body.merchant_id)
    case = returns.case_of(known.find(ReturnCase, body.return_id), body.return_id, body.order_id)
    expect(case, ReturnState.IN_RETURN)
    if not papers(body.evidence):
        raise InvalidArgument("EVIDENCE_REQUIRED", "a dispute of a receipt needs evidence", {"field": "evidence"})
    disputed = stepped(
        case, now, ReturnState.IN_DISPUTE, disputed_by=MERCHANT, evidence=body.evidence, dispute_note=body.note
    )
    still, facts = told(order, events.ReturnDisputed(order.id, case.id, MERCHANT, body.evidence))
    return Decision(Done(disputed), (still, disputed), events=facts)


def dispute_rejection(known: Known, body: DisputeRejection, message: Message, now: datetime) -> Decision:
    """The customer does not take the merchant's no: the units wait again, until support decides."""
    order = owned(known.find(Order, body.order_id), body.order_id, body.customer_id)
    case = returns.case_of(known.find(ReturnCase, body.return_id), body.return_id, body.order_id)
    refuse_while_settling(order)
    expect(case, ReturnState.REJECTED)
    if case.disputed_by:
        raise FailedPrecondition("RETURN_STATE", f"{case.id} was in dispute before: support has decided")
    disputable(case, case.updated_at, body.evidence, now)
    must_be_returnable(order, case.lines)
    disputed = stepped(
        case, now, ReturnState.IN_DISPUTE, disputed_by=CUSTOMER, evidence=body.evidence, dispute_note=body.note
    )
    fact = events.ReturnDisputed(order.id, case.id, CUSTOMER, body.evidence)
    waiting, facts = after(order, now, fact, lines=returning(order.lines, case.lines))
    return Decision(Done(disputed), (waiting, disputed), events=facts)


def dispute_deduction(known: Known, body: DisputeDeduction, message: Message, now: datetime) -> Decision:
    """The customer does not take what the merchant deducted: it is in dispute until support decides (PR-9)."""
    order = owned(known.find(Order, body.order_id), body.order_id, body.customer_id)
    case = returns.case_of(known.find(ReturnCase, body.return_id), body.return_id, body.order_id)
    refuse_while_settling(order)
    refund = order.refund_of(case.settlement_id)
    withheld = refund is not None and refund.state is not RefundState.REVERSED
    if case.deduction_state is not DeductionState.TAKEN or case.deducted_at is None or not withheld:
        raise FailedPrecondition("RETURN_STATE", f"{case.id} has no deduction that can be disputed")
    disputable(case, case.deducted_at, body.evidence, now)
    disputed = stepped(
        case, now, case.state, deduction_state=DeductionState.DISPUTED, disputed_by=CUSTOMER, evidence=body.evidence,
        dispute_note=body.note,
    )
    fact = events.ReturnDisputed(order.id, case.id, CUSTOMER, body.evidence, of_deduction=True)
    still, facts = told(order, fact)
    return Decision(Done(disputed), (still, disputed), events=facts)


def resolve_dispute(known: Known, body: ResolveDispute, message: Message, now: datetime) -> Decision:
    """Support decides: goods that arrived are refunded, a rejected return may be sent, what was deducted is given back,
    or the merchant was right."""
    order = owned(known.find(Order, body.order_id), body.order_id)
    case = returns.case_of(known.find(ReturnCase, body.return_id), body.return_id, body.order_id)
    refuse_while_settling(order)
    if case.deduction_state is DeductionState.DISPUTED:
        return _deduction_resolved(known, order, case, body=body, message=message, now=now)
    expect(case, ReturnState.IN_DISPUTE)
    fact = events.ReturnDisputeResolved(order.id, case.id, body.upheld, body.operator_id, body.reason)
    if body.upheld and case.waybill_number:
        refund, received = accepted(known, order, case, message, now, asked=body.accepted, first=(fact,))
        return refund.decided(Done(Resolved(refund.order, received, refund.run)))
    if body.accepted:
        raise InvalidArgument("INVALID_ARGUMENT", "only goods that arrived are accepted", {"field": "accepted_lines"})
    if body.upheld:
        step = let_through(order, case, now, fact)
    else:
        closed = stepped(case, now, ReturnState.REJECTED, reject_reason=body.reason)
        step = given_up(order, closed, (fact, events.ReturnRejected(order.id, case.id, body.reason)), now)
    return step.decided(Done(Resolved(step.order, step.case)))


def _deduction_resolved(
    known: Known, order: Order, case: ReturnCase, *, body: ResolveDispute, message: Message, now: datetime
) -> Decision:
    """What was deducted is given back by a further refund, or stays with the merchant for good (PR-9)."""
    if body.accepted:
        raise InvalidArgument("INVALID_ARGUMENT", "what was accepted is not in dispute", {"field": "accepted_lines"})
    fact = events.ReturnDisputeResolved(
        order_id=order.id, return_id=case.id, upheld=body.upheld, operator_id=body.operator_id, reason=body.reason,
        of_deduction=True,
    )
    if not body.upheld:
        kept = stepped(case, now, case.state, deduction_state=DeductionState.CONFIRMED)
        still, facts = told(order, fact)
        return Decision(Done(Resolved(still, kept)), (still, kept), events=facts)
    plan = give_back_plan(order, fresh("rfd", message), case, body.reason)
    refund = refund_begun(known, order, message, plan, now, facts=(fact,))
    state = DeductionState.GIVEN_BACK if refund.run.terminal else DeductionState.GIVING_BACK
    given_back = stepped(case, now, case.state, deduction_state=state, give_back_id=refund.run.id)
    refund = refund._replace(case=given_back)
    return refund.decided(Done(Resolved(refund.order, given_back, refund.run)))
