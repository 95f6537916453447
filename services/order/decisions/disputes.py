"""Disputes about return cases: the merchant's about what arrived, the customer's about a rejection (DOMAIN 2.2, 2.10).

Neither moves money; what a dispute comes to is decided by support.
"""

from datetime import datetime

from services.kernel.decision import Decision, Done, Known
from services.kernel.errors import FailedPrecondition, InvalidArgument
from services.kernel.messages import Message
from services.kernel.people import papers
from services.order.decisions.after_sale import given_up, let_through
from services.order.decisions.receiving import accepted
from services.order.domain import events, returns
from services.order.domain.answers import Resolved
from services.order.domain.commands import DisputeReceipt, DisputeRejection, ResolveDispute
from services.order.domain.lines import returning
from services.order.domain.order import Order, after, owned, refuse_while_settling, told
from services.order.domain.refunding import requested_values
from services.order.domain.returns import CUSTOMER, MERCHANT, ReturnCase, disputable, expect, stepped
from services.order.domain.states import ReturnState


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
    disputable(case, body.evidence, now)
    requested_values(order, case.lines)
    disputed = stepped(
        case, now, ReturnState.IN_DISPUTE, disputed_by=CUSTOMER, evidence=body.evidence, dispute_note=body.note
    )
    fact = events.ReturnDisputed(order.id, case.id, CUSTOMER, body.evidence)
    waiting, facts = after(order, now, fact, lines=returning(order.lines, case.lines))
    return Decision(Done(disputed), (waiting, disputed), events=facts)


def resolve_dispute(known: Known, body: ResolveDispute, message: Message, now: datetime) -> Decision:
    """Support decides: goods that arrived are refunded, a rejected return may be sent, or the case is closed."""
    order = owned(known.find(Order, body.order_id), body.order_id)
    case = returns.case_of(known.find(ReturnCase, body.return_id), body.return_id, body.order_id)
    refuse_while_settling(order)
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
