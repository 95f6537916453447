"""Rules that begin settlements: the order and its saga change in one decision (DESIGN 5)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.kernel.calendar import TICK
from services.kernel.coordination import with_progress
from services.kernel.decision import Decision, Done, Known, Timer
from services.kernel.errors import AlreadyExists, FailedPrecondition
from services.kernel.messages import Message
from services.kernel.saga import Run
from services.order.decisions.identity import fresh
from services.order.domain import commands
from services.order.domain.answers import Placed, Started
from services.order.domain.fulfilment import cancellation_plan, capture_plan, expiry_plan
from services.order.domain.fulfilment import hold_expired as runs_out
from services.order.domain.order import Order, Refund, after, free, owned, told
from services.order.domain.participation import uncovered_minor
from services.order.domain.placing import place, placement_plan
from services.order.domain.plans import Plan, RefundPlan
from services.order.domain.quoting import pinned
from services.order.domain.refunding import amount_plan, refund_to_reverse, reversal_plan
from services.order.domain.states import Kind, OrderState, RefundState
from services.order.sagas import ended, launch
from services.order.sagas.ending import HOLD_EXPIRY

HELD_UP = timedelta(minutes=1)
"""When an expiry that met a settlement under way looks again."""

def place_order(known: Known, message: Message, now: datetime) -> Decision:
    """A new order begins with its placement; an id serves once, also where the placement was rejected."""
    body: commands.PlaceOrder = message.body  # type: ignore[assignment]  # the rule's own body
    if known.find(Order, message.key) is not None:
        raise AlreadyExists("ORDER_EXISTS", f"{message.key} was placed before")
    order = place(body, now)
    decision, run = _launched(known, order, Kind.PLACEMENT, message, placement_plan(order), now, OrderState.PLACING)
    return replace(decision, outcome=Done(Placed(order_of(decision), run)))


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
    return refunding(known, order, message, plan, now)[0]


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


def refunding(
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
    return with_progress(decision, progress, Done(Started(order_of(decision), progress.run))), progress.run


def order_of(decision: Decision) -> Order:
    """The order that a decision left: always its first change."""
    order = decision.changes[0]
    assert isinstance(order, Order)
    return order
