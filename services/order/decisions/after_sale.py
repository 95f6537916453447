"""The steps of a return case up to its receipt, and what time does to it (DOMAIN 2.2). No money moves here.

A step tells its fact on the order's sequence; units that no longer wait go back to the customer's account of units.
"""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from services.kernel.decision import Decision, Done, Known, Timer
from services.kernel.errors import FailedPrecondition
from services.kernel.messages import Message, TimerDue
from services.order.decisions.identity import fresh
from services.order.domain import events, returns
from services.order.domain.commands import (
    ApproveReturn,
    RefuseDelivery,
    RegisterWaybill,
    RejectReturn,
    RequestReturn,
    WithdrawReturn,
)
from services.order.domain.completion import returnable
from services.order.domain.lines import LineQuantity, returning
from services.order.domain.order import Order, after, owned, refuse_while_settling, told
from services.order.domain.refunding import must_be_returnable, must_be_shipped
from services.order.domain.returns import (
    AUTO_APPROVE,
    WAYBILL_EXPIRY,
    ReturnCase,
    contestable_until,
    expect,
    stepped,
    without_waybill,
)
from services.order.domain.states import ReturnState


class Stepped(NamedTuple):
    """A step of a return case: the order and the case as they are now, and all else that it causes."""

    order: Order
    case: ReturnCase
    rest: Decision

    def decided(self, outcome: Done | None = None) -> Decision:
        """All of it as one decision; the answer is the case if none is given."""
        return replace(self.rest, outcome=outcome or Done(self.case), changes=(self.order, self.case))


def request(known: Known, body: RequestReturn, message: Message, now: datetime) -> Decision:
    """Open a case of units that are out and in no other case; no amount refuses it (PR-9)."""
    order = owned(known.find(Order, body.order_id), body.order_id, body.customer_id)
    refuse_while_settling(order)
    returnable(order, now)
    must_be_returnable(order, body.lines)
    case = returns.requested(
        return_id=fresh("ret", message), order_id=order.id, lines=body.lines, reason=body.reason, note=body.note,
        now=now,
    )
    fact = events.ReturnRequested(order.id, case.id, case.lines, case.reason)
    waiting, facts = after(order, now, fact, lines=returning(order.lines, body.lines))
    assert case.deadline_at is not None
    timer = Timer(AUTO_APPROVE, case.id, order.id, case.deadline_at)
    return Decision(Done(case), (waiting, case), events=facts, timers=(timer,))


def approve(known: Known, body: ApproveReturn, message: Message, now: datetime) -> Decision:
    """The merchant approves: the goods may be sent (CR-5)."""
    order, case, _ = _case(known, body.order_id, body.return_id, now)
    expect(case, ReturnState.REQUESTED)
    return let_through(order, case, now, return_address=body.return_address).decided()


def reject(known: Known, body: RejectReturn, message: Message, now: datetime) -> Decision:
    """The merchant says no; the units can be asked for again, and the customer may dispute it."""
    order, case, _ = _case(known, body.order_id, body.return_id, now)
    expect(case, ReturnState.REQUESTED)
    rejected = stepped(case, now, ReturnState.REJECTED, deadline_at=None, reject_reason=body.reason)
    fact = events.ReturnRejected(order.id, case.id, body.reason)
    return given_up(order, rejected, (fact,), now, contestable_until(now)).decided()


def withdraw(known: Known, body: WithdrawReturn, message: Message, now: datetime) -> Decision:
    """The customer takes it back, as long as there is no waybill."""
    order, case, before = _case(known, body.order_id, body.return_id, now)
    without_waybill(case)
    expect(case, ReturnState.REQUESTED, ReturnState.APPROVED)
    withdrawn = stepped(case, now, ReturnState.WITHDRAWN, deadline_at=None)
    return given_up(order, withdrawn, (*before, events.ReturnWithdrawn(order.id, case.id)), now).decided()


def register_waybill(known: Known, body: RegisterWaybill, message: Message, now: datetime) -> Decision:
    """The goods are on their way; the number is the evidence in a dispute (CR-6)."""
    order, case, before = _case(known, body.order_id, body.return_id, now)
    without_waybill(case)
    expect(case, ReturnState.APPROVED)
    sent = stepped(
        case, now, ReturnState.IN_RETURN, deadline_at=None, waybill_number=body.waybill_number,
        carrier=body.carrier,
    )
    return _told(order, sent, (*before, events.ReturnShipped(order.id, case.id, body.waybill_number))).decided()


def refuse_delivery(known: Known, body: RefuseDelivery, message: Message, now: datetime) -> Decision:
    """The customer refuses the parcel: what is in no case yet goes back, and needs nobody's approval (DOMAIN 2.1)."""
    order = owned(known.find(Order, body.order_id), body.order_id, body.customer_id)
    refuse_while_settling(order)
    must_be_shipped(order)
    units = tuple([LineQuantity(line.id, line.returnable) for line in order.lines if line.returnable])
    if order.delivered_at is not None or not units:
        raise FailedPrecondition("ORDER_STATE", f"nothing of {order.id} is on its way to the customer")
    must_be_returnable(order, units)
    case = returns.refused(
        return_id=fresh("ret", message), order_id=order.id, lines=units, waybill_number=body.waybill_number,
        carrier=body.carrier, note=body.note, now=now,
    )
    facts = (
        events.DeliveryRefused(order.id, case.id), events.ReturnRequested(order.id, case.id, units, case.reason),
        events.ReturnShipped(order.id, case.id, body.waybill_number),
    )
    waiting, told_events = after(order, now, *facts, lines=returning(order.lines, units))
    return Decision(Done(case), (waiting, case), events=told_events)


def auto_approve(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer: 48 hours without an answer approve (A13)."""
    order, case = known.find(Order, message.key), known.find(ReturnCase, body.key)
    approved = returns.approved_by_time(case, now) if case is not None else None
    if order is None or approved is None:
        return Decision()
    return _told(order, approved, (events.ReturnApproved(order.id, approved.id, True),), approved.deadline_at).decided()


def waybill_expiry(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer: no waybill within 7 days closes the case."""
    order, case = known.find(Order, message.key), known.find(ReturnCase, body.key)
    if order is None or case is None or not returns.ran_out(case, now):
        return Decision()
    expired = stepped(case, now, ReturnState.EXPIRED, deadline_at=None)
    return given_up(order, expired, (events.ReturnExpired(order.id, case.id),), now).decided()


def _case(known: Known, order_id: str, return_id: str, now: datetime) -> tuple[Order, ReturnCase, tuple[object, ...]]:
    """The order, the case as time has left it, and the facts that time has made meanwhile.

    The case still has the version that is stored: one decision is one version, also where time had a step in it.
    """
    order = owned(known.find(Order, order_id), order_id)
    stored = returns.case_of(known.find(ReturnCase, return_id), return_id, order_id)
    approved = returns.approved_by_time(stored, now)
    facts = (events.ReturnApproved(order_id, return_id, True),) if approved is not None else ()
    case = approved or stored
    if returns.ran_out(case, now):
        case = stepped(case, now, ReturnState.EXPIRED)
    return order, replace(case, version=stored.version), facts


def let_through(order: Order, case: ReturnCase, now: datetime, *facts: object, **changes: str) -> Stepped:
    """The goods may be sent, within seven days."""
    deadline_at = returns.waybill_deadline(now)
    approved = stepped(case, now, ReturnState.APPROVED, deadline_at=deadline_at, **changes)
    return _told(order, approved, (*facts, events.ReturnApproved(order.id, case.id, False)), deadline_at)


def _told(
    order: Order, case: ReturnCase, facts: tuple[object, ...], waybill_at: datetime | None = None
) -> Stepped:
    """Nothing visible of the order itself moves."""
    still, told_events = told(order, *facts)
    timers = (Timer(WAYBILL_EXPIRY, case.id, order.id, waybill_at),) if waybill_at is not None else ()
    cleared = ((AUTO_APPROVE, case.id),) if timers else ((AUTO_APPROVE, case.id), (WAYBILL_EXPIRY, case.id))
    return Stepped(still, case, Decision(events=told_events, timers=timers, cleared=cleared))


def given_up(
    order: Order, case: ReturnCase, facts: tuple[object, ...], now: datetime, contestable_until: datetime | None = None
) -> Stepped:
    """The units of the case wait for nothing any more."""
    lines = returning(order.lines, case.lines, -1)
    until = contestable_until or order.contestable_until
    changed, told_events = after(order, now, *facts, lines=lines, contestable_until=until)
    cleared = ((AUTO_APPROVE, case.id), (WAYBILL_EXPIRY, case.id))
    return Stepped(changed, case, Decision(events=told_events, cleared=cleared))
