"""Disputes about return cases: the merchant's about what arrived, the customer's about a rejection (DOMAIN 2.2, 2.10).

Neither moves money. What a dispute comes to is decided by support, in `decisions/settlements.py`.
"""

from datetime import datetime, timedelta

from services.kernel.calendar import TICK
from services.kernel.decision import Decision, Done, Known
from services.kernel.errors import FailedPrecondition, InvalidArgument
from services.kernel.messages import Message
from services.kernel.people import papers
from services.order.domain import events, returns
from services.order.domain.commands import DisputeReceipt, DisputeRejection
from services.order.domain.lines import returning
from services.order.domain.order import Order, after, free, owned, told
from services.order.domain.refunding import requested_values
from services.order.domain.returns import CUSTOMER, MERCHANT, ReturnCase, expect, stepped
from services.order.domain.states import ReturnState

DISPUTE_HOURS = 24
"""A rejection may be disputed within so many hours, the last instant included (2.10)."""

EVIDENCE_HOURS = 72
"""With evidence, within so many."""


def contestable_until(rejected_at: datetime) -> datetime:
    """The instant from which a rejection stands for good."""
    return rejected_at + timedelta(hours=EVIDENCE_HOURS) + TICK


def dispute_receipt(known: Known, message: Message, now: datetime) -> Decision:
    """The merchant says that what arrived is not what was sent; beside the waybill (CR-6) that needs evidence."""
    body: DisputeReceipt = message.body  # type: ignore[assignment]  # the rule's own body
    order = owned(known.find(Order, body.order_id), body.order_id, merchant_id=body.merchant_id)
    case = returns.known(known.find(ReturnCase, body.return_id), body.return_id, body.order_id)
    expect(case, ReturnState.IN_RETURN)
    if not papers(body.evidence):
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
    _in_time(case, body, now)
    requested_values(order, case.lines)
    disputed = stepped(
        case, now, ReturnState.IN_DISPUTE, disputed_by=CUSTOMER, evidence=body.evidence, dispute_note=body.note
    )
    fact = events.ReturnDisputed(order.id, case.id, CUSTOMER, body.evidence)
    waiting, facts = after(order, now, fact, lines=returning(order.lines, case.lines))
    return Decision(Done(disputed), (waiting, disputed), events=facts)


def _in_time(case: ReturnCase, body: DisputeRejection, now: datetime) -> None:
    """`updated_at` of a rejected case is its rejection, for nothing comes after it."""
    if now >= contestable_until(case.updated_at):
        raise FailedPrecondition("DISPUTE_WINDOW_CLOSED", f"{case.id} was rejected at {case.updated_at}")
    if now > case.updated_at + timedelta(hours=DISPUTE_HOURS) and not papers(body.evidence):
        raise InvalidArgument("EVIDENCE_REQUIRED", f"after {DISPUTE_HOURS} hours a dispute needs evidence", {"field": "evidence"})
