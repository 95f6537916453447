"""Rules that begin, advance and end settlements: the order and its saga change in one decision (DESIGN 5)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.kernel.calendar import TICK
from services.kernel.coordination import with_progress
from services.kernel.decision import Aggregate, Decision, Done, Known, Timer
from services.kernel.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from services.kernel.messages import Message
from services.kernel.saga import Progress, Run
from services.order.decisions.after_sale import given_up, let_through
from services.order.decisions.identity import fresh
from services.order.domain import commands, events, returns
from services.order.domain.answers import Placed, Received, Resolved, Started
from services.order.domain.fulfilment import cancellation_plan, capture_plan, expiry_plan
from services.order.domain.fulfilment import hold_expired as runs_out
from services.order.domain.lines import LineQuantity
from services.order.domain.order import Order, Refund, after, free, owned, told, with_refund
from services.order.domain.participation import uncovered_minor
from services.order.domain.placing import place, placement_plan
from services.order.domain.plans import Plan, RefundPlan
from services.order.domain.quotes import QuoteContent
from services.order.domain.quoting import pinned
from services.order.domain.refunding import amount_plan, refund_to_reverse, return_plan, reversal_plan
from services.order.domain.returns import ReturnCase
from services.order.domain.states import Kind, OrderState, RefundState, ReturnState
from services.order.sagas import ended, launch
from services.order.sagas.ending import HOLD_EXPIRY

SLA = timedelta(hours=24)
"""A refund settles within this, its last instant included; later it is an exception (SC-5)."""

HELD_UP = timedelta(minutes=1)
"""When an expiry that met a settlement under way looks again."""

_NOTHING = Decision()


def place_order(known: Known, message: Message, now: datetime) -> Decision:
    """A new order begins with its placement; an id serves once, also where the placement was rejected."""
    body: commands.PlaceOrder = message.body  # type: ignore[assignment]  # the rule's own body
    if known.find(Order, message.key) is not None:
        raise AlreadyExists("ORDER_EXISTS", f"{message.key} was placed before")
    order = place(body, now)
    decision, run = _launched(known, order, Kind.PLACEMENT, message, placement_plan(order), now, OrderState.PLACING)
    return replace(decision, outcome=Done(Placed(_order_of(decision), run)))


def confirm_shipment(known: Known, message: Message, now: datetime) -> Decision:
    """The merchant's click, the commit point of the race with a cancel (OR-4, CR-12)."""
    body: commands.ConfirmShipment = message.body  # type: ignore[assignment]  # the rule's own body
    order = owned(known.find(Order, body.order_id), body.order_id, merchant_id=body.merchant_id)
    free(order)
    plan = capture_plan(order, body, now)
    state = order.state if order.shipped else OrderState.CAPTURING
    return _launched(known, order, Kind.CAPTURE, message, plan, now, state)[0]


def cancel_order(known: Known, message: Message, now: datetime) -> Decision:
    """Cancel what has not shipped (OR-2, OR-7)."""
    body: commands.CancelOrder = message.body  # type: ignore[assignment]  # the rule's own body
    order = owned(known.find(Order, body.order_id), body.order_id, body.customer_id)
    free(order)
    plan = cancellation_plan(order, body, now)
    if body.quote is not None:
        plan = pinned(plan, body.quote, order, now)
    state = order.state if order.shipped else OrderState.CANCELLING
    return _launched(known, order, Kind.CANCELLATION, message, plan, now, state)[0]


def refund_amount(known: Known, message: Message, now: datetime) -> Decision:
    """Money back without goods."""
    body: commands.RefundAmount = message.body  # type: ignore[assignment]  # the rule's own body
    order = owned(known.find(Order, body.order_id), body.order_id)
    free(order)
    plan = amount_plan(order, fresh("rfd", message), body, now)
    if body.quote is not None:
        plan = pinned(plan, body.quote, order, now)
    return _refunding(known, order, message, plan, now)[0]


def confirm_receipt(known: Known, message: Message, now: datetime) -> Decision:
    """The merchant got the goods: this alone starts the refund of a return (CR-7)."""
    body: commands.ConfirmReceipt = message.body  # type: ignore[assignment]  # the rule's own body
    order = owned(known.find(Order, body.order_id), body.order_id)
    case = returns.known(known.find(ReturnCase, body.return_id), body.return_id, body.order_id)
    free(order)
    returns.expect(case, ReturnState.IN_RETURN, ReturnState.REFUND_EXCEPTION, ReturnState.IN_DISPUTE)
    decision, received = _received(known, order, case, body.accepted, body.quote, message, now)
    return replace(decision, outcome=Done(received))


def resolve_dispute(known: Known, message: Message, now: datetime) -> Decision:
    """Support decides a dispute: goods that arrived are refunded, a rejected return may be sent, or the case is closed."""
    body: commands.ResolveDispute = message.body  # type: ignore[assignment]  # the rule's own body
    order = owned(known.find(Order, body.order_id), body.order_id)
    case = returns.known(known.find(ReturnCase, body.return_id), body.return_id, body.order_id)
    free(order)
    returns.expect(case, ReturnState.IN_DISPUTE)
    fact = events.ReturnDisputeResolved(order.id, case.id, body.upheld, body.operator_id, body.reason)
    if body.upheld and case.waybill_number:
        decision, received = _received(known, order, case, body.accepted, None, message, now, fact)
        return replace(decision, outcome=Done(Resolved(received.order, received.case, received.run)))
    if body.accepted:
        raise InvalidArgument("INVALID_ARGUMENT", "only goods that arrived are accepted", {"field": "accepted_lines"})
    if body.upheld:
        decision = let_through(order, case, now, fact)
    else:
        closed = returns.stepped(case, now, ReturnState.REJECTED, reject_reason=body.reason)
        decision = given_up(order, closed, (fact, events.ReturnRejected(order.id, case.id, body.reason)), now)
    decided = next(row for row in decision.changes if isinstance(row, ReturnCase))
    return replace(decision, outcome=Done(Resolved(_order_of(decision), decided)))


def reverse_refund(known: Known, message: Message, now: datetime) -> Decision:
    """Undo a refund (P24); what it moved stands in the plan of its settlement."""
    body: commands.ReverseRefund = message.body  # type: ignore[assignment]  # the rule's own body
    order = owned(known.find(Order, body.order_id), body.order_id)
    free(order)
    refund = refund_to_reverse(order, body.settlement_id)
    refunded = known.find(Run, refund.settlement_id)
    if refunded is None:
        raise FailedPrecondition("NO_REFUND_TO_REVERSE", f"{refund.settlement_id} is not on record")
    plan = reversal_plan(refund, refunded.plan, body.reason, uncovered_minor(refunded))
    return _launched(known, order, Kind.REFUND_REVERSAL, message, plan, now, order.state)[0]


def progressed(known: Known, order: Order, run: Run, progress: Progress, message: Message, now: datetime) -> Decision:
    """A participant answered, or what is still awaited is sent again. What changes nothing of the run changes nothing."""
    if progress.run is run:
        return Decision(timers=progress.timers, cleared=progress.cleared)
    return with_progress(ended(known, order, progress.run, now) if progress.ended else _NOTHING, progress)


def refund_woken(known: Known, order: Order, run: Run, progress: Progress, message: Message, now: datetime) -> Decision:
    """Timer of a refund: past its 24 hours it becomes an exception, once."""
    overdue_at = run.started_at + SLA + TICK
    if now < overdue_at:
        progress = replace(progress, timers=tuple(_not_after(timer, overdue_at) for timer in progress.timers))
    decision = progressed(known, order, run, progress, message, now)
    refund = order.refund_of(run.id)
    if progress.ended or refund is None or refund.state is not RefundState.ACCEPTED or now < overdue_at:
        return decision
    fact = events.RefundExceptionRaised(order.id, refund.id, "DEADLINE_EXCEEDED")
    overdue, facts = after(
        order, now, fact, refunds=with_refund(order, refund._replace(state=RefundState.EXCEPTION))
    )
    return replace(decision, changes=(*decision.changes, overdue), events=facts)


def hold_expired(known: Known, message: Message, now: datetime) -> Decision:
    """Timer: nobody shipped in time, so what has not shipped is closed and its hold released (A14)."""
    order = known.find(Order, message.key)
    if order is None or not order.open or order.hold_expires_at is None:
        return Decision()
    if order.settlement_id:
        return Decision(timers=(Timer(HOLD_EXPIRY, order.id, order.id, now + HELD_UP),))
    if not runs_out(order, now):
        return Decision(timers=(Timer(HOLD_EXPIRY, order.id, order.id, order.hold_expires_at + TICK),))
    state = order.state if order.shipped else OrderState.CANCELLING
    decision, _ = _launched(known, order, Kind.CANCELLATION, message, expiry_plan(order), now, state)
    if any(row for row in decision.changes if isinstance(row, Order) and row.settlement_id):
        again = Timer(HOLD_EXPIRY, order.id, order.id, now + HELD_UP)
        return replace(decision, timers=(*decision.timers, again))
    return decision


def _received(
    known: Known, order: Order, case: ReturnCase, asked: tuple[LineQuantity, ...], quote: QuoteContent | None,
    message: Message, now: datetime, *facts: object,
) -> tuple[Decision, Received]:
    """The goods of a case are there, so many of them are accepted: its refund begins."""
    returns.arrived(case)
    if order.refund_of(case.settlement_id) is not None:
        raise FailedPrecondition("RETURN_STATE", f"{case.id} is refunded by {case.settlement_id} already")
    accepted = returns.accepted_units(case, asked)
    plan = return_plan(order, fresh("rfd", message), case.id, case.lines, accepted)
    if quote is not None:
        plan = pinned(plan, quote, order, now)
    fact = events.ReturnReceived(order.id, case.id, accepted, fresh("saga", message))
    decision, run = _refunding(known, order, message, plan, now, *facts, fact)
    state = ReturnState.REFUNDED if run.terminal else ReturnState.REFUNDING
    received = returns.stepped(case, now, state, accepted=accepted, settlement_id=run.id)
    others: tuple[Aggregate, ...] = tuple(row for row in decision.changes if not isinstance(row, ReturnCase))
    return replace(decision, changes=(*others, received)), Received(_order_of(decision), run, received)


def _refunding(
    known: Known, order: Order, message: Message, plan: RefundPlan, now: datetime, *facts: object
) -> tuple[Decision, Run]:
    entry = Refund(plan.refund_id, fresh("saga", message), RefundState.ACCEPTED, plan.money.amount_minor)
    refunds = (*order.refunds, entry)
    return _launched(known, order, Kind.REFUND, message, plan, now, order.state, *facts, refunds=refunds)


def _launched(
    known: Known, order: Order, kind: Kind, message: Message, plan: Plan, now: datetime, state: OrderState,
    *facts: object, **changes: Any,  # Any: each value has the type of its field
) -> tuple[Decision, Run]:
    """The order locked by a new settlement of it; where that is done at once, the order as it left it. The answer is
    `Started`."""
    saga_id = fresh("saga", message)
    progress = launch(kind, saga_id, order, plan, now)
    if progress.ended:
        order, first = told(replace(order, **changes), *facts)
        decision = ended(known, order, progress.run, now)
        decision = replace(decision, events=(*first, *decision.events))
    else:
        started, begun = after(order, now, *facts, state=state, settlement_id=saga_id, **changes)
        decision = Decision(changes=(started,), events=begun)
    return with_progress(decision, progress, Done(Started(_order_of(decision), progress.run))), progress.run


def _order_of(decision: Decision) -> Order:
    """The order that a decision left: always its first change."""
    order = decision.changes[0]
    assert isinstance(order, Order)
    return order


def _not_after(timer: Timer, limit: datetime) -> Timer:
    return timer if timer.due_at <= limit else replace(timer, due_at=limit)
