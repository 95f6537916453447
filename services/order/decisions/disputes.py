"""Disputes about return cases: the merchant's about what arrived, the customer's about a rejection (DOMAIN 2.2, 2.10).

Neither moves money; what a dispute comes to is decided by support.
"""

from dataclasses import replace
from datetime import datetime

from services.kernel.decision import Decision, Done, Known
from services.kernel.errors import FailedPrecondition, InvalidArgument
from services.kernel.messages import Message
from services.order.decisions.after_sale import given_up, let_through
from services.order.decisions.beginning import order_of
from services.order.decisions.receiving import received
from services.order.domain import events, returns
from services.order.domain.answers import Resolved
from services.order.domain.commands import DisputeReceipt, DisputeRejection, ResolveDispute
from services.order.domain.lines import returning
from services.order.domain.order import Order, after, free, owned, told
from services.order.domain.refunding import requested_values
from services.order.domain.returns import CUSTOMER, MERCHANT, ReturnCase, disputable, expect, stepped
from services.order.domain.states import ReturnState


def dispute_receipt(known: Known, message: Message, now: datetime) -> Decision:
    """The merchant says that what arrived is not what was sent; beside the waybill (CR-6) that needs evidence."""
    body: DisputeReceipt = message.body  # type: ignore[assignment]  # the rule's own body
    order = owned(known.find(Order, body.order_id), body.order_id, merchant_id=body.merchant_id)
    case = returns.known(known.find(ReturnCase, body.return_id), body.return_id, body.order_id)
    expect(case, ReturnState.IN_RETURN)
    if not body.evidence:
        raise InvalidArgument("EVIDENCE_REQUIRED", "a dispute of a receipt needs evidence", {"field": "evidence"})
    disputed = stepped(
        case, now, ReturnState.IN_DISPUTE, disputed_by=MERCHANT, evidence=body.evidence, dispute_note=body.note
    )
    still, facts = told(order, events.ReturnDisputed(order.id, case.id, MERCHANT, body.evidence))
    return Decision(Done(disputed), (still, disputed), events=facts)


def dispute_rejection(known: Known, message: Message, now: datetime) -> Decision:
    """The customer does not take the merchant's no: the units wait again, until support decides."""
    body: DisputeRejection = message.body  # type: ignore[assignment]  # the rule's own body
    order = owned(known.find(Order, body.order_id), body.order_id, body.customer_id)
    case = returns.known(known.find(ReturnCase, body.return_id), body.return_id, body.order_id)
    free(order)
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


def resolve_dispute(known: Known, message: Message, now: datetime) -> Decision:
    """Support decides a dispute: goods that arrived are refunded, a rejected return may be sent, or the case is closed."""
    body: ResolveDispute = message.body  # type: ignore[assignment]  # the rule's own body
    order = owned(known.find(Order, body.order_id), body.order_id)
    case = returns.known(known.find(ReturnCase, body.return_id), body.return_id, body.order_id)
    free(order)
    returns.expect(case, ReturnState.IN_DISPUTE)
    fact = events.ReturnDisputeResolved(order.id, case.id, body.upheld, body.operator_id, body.reason)
    if body.upheld and case.waybill_number:
        decision, answer = received(known, order, case, body.accepted, None, message, now, fact)
        return replace(decision, outcome=Done(Resolved(answer.order, answer.case, answer.run)))
    if body.accepted:
        raise InvalidArgument("INVALID_ARGUMENT", "only goods that arrived are accepted", {"field": "accepted_lines"})
    if body.upheld:
        decision = let_through(order, case, now, fact)
    else:
        closed = returns.stepped(case, now, ReturnState.REJECTED, reject_reason=body.reason)
        decision = given_up(order, closed, (fact, events.ReturnRejected(order.id, case.id, body.reason)), now)
    decided = next(row for row in decision.changes if isinstance(row, ReturnCase))
    return replace(decision, outcome=Done(Resolved(order_of(decision), decided)))
