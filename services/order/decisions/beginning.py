"""Rules that begin settlements: the order and its saga change in one decision (DESIGN 5)."""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from services.kernel.calendar import TICK
from services.kernel.decision import Decision, Done, Known, Missing, Timer
from services.kernel.errors import AlreadyExists, FailedPrecondition
from services.kernel.messages import Message, TimerDue
from services.kernel.saga import Run
from services.order.decisions.identity import fresh
from services.order.domain.answers import Placed, Started
from services.order.domain.bank_shares import Refund
from services.order.domain.commands import CancelOrder, ConfirmShipment, PlaceOrder, RefundAmount, ReverseRefund
from services.order.domain.fulfilment import cancellation_plan, capture_plan, expiry_plan
from services.order.domain.fulfilment import hold_expired as runs_out
from services.order.domain.order import Order, after, owned, refuse_while_settling, state_during, told
from services.order.domain.participation import uncovered_minor
from services.order.domain.placing import HELD_UP, HOLD_EXPIRY, place, placement_plan
from services.order.domain.plans import Plan, RefundPlan
from services.order.domain.quoting import pinned
from services.order.domain.refund_days import RefundDay, counted, limited
from services.order.domain.refunding import amount_plan, refund_to_reverse, reversal_plan
from services.order.domain.returns import ReturnCase
from services.order.domain.states import RefundState
from services.order.sagas import ended, launch

REFUNDS = "refunds"
"""The operators' switch of everything that gives money back."""


class Begun(NamedTuple):
    """A settlement that began: its run, the order and the return case as they are now, and all else that it causes."""

    run: Run
    order: Order
    case: ReturnCase | None
    rest: Decision

    def beside(self, *rows: RefundDay) -> "Begun":
        """The same, and these rows change with it."""
        return self._replace(rest=replace(self.rest, changes=(*self.rest.changes, *rows))) if rows else self

    def decided(self, outcome: Done | None = None) -> Decision:
        """All of it as one decision; the answer is `Started` if none is given."""
        rows = (self.order, self.run) if self.case is None else (self.order, self.case, self.run)
        changes = (*rows, *self.rest.changes)
        return replace(self.rest, outcome=outcome or Done(Started(self.order, self.run)), changes=changes)


def place_order(known: Known, body: PlaceOrder, message: Message, now: datetime) -> Decision:
    """A new order begins with its placement; an id serves once, also where the placement was rejected."""
    if known.find(Order, message.key) is not None:
        raise AlreadyExists("ORDER_EXISTS", f"{message.key} was placed before")
    order = place(body, now)
    placing = begun(known, order, message, placement_plan(order), now)
    return placing.decided(Done(Placed(placing.order, placing.run)))


def confirm_shipment(known: Known, body: ConfirmShipment, message: Message, now: datetime) -> Decision:
    """The merchant's click, the commit point of the race with a cancel (OR-4, CR-12)."""
    order = owned(known.find(Order, body.order_id), body.order_id, merchant_id=body.merchant_id)
    refuse_while_settling(order)
    return begun(known, order, message, capture_plan(order, body, now), now).decided()


def cancel_order(known: Known, body: CancelOrder, message: Message, now: datetime) -> Decision:
    """Cancel what has not shipped (OR-2, OR-7)."""
    order = owned(known.find(Order, body.order_id), body.order_id, body.customer_id)
    refuse_while_settling(order)
    refuse_while_stopped(known)
    plan = cancellation_plan(order, body, now)
    if body.quote is not None:
        plan = pinned(plan, body.quote, order, now)
    return begun(known, order, message, plan, now).decided()


def refund_amount(known: Known, body: RefundAmount, message: Message, now: datetime) -> Decision:
    """Money back without goods."""
    order = owned(known.find(Order, body.order_id), body.order_id)
    refuse_while_settling(order)
    plan = amount_plan(order, fresh("rfd", message), body, now)
    if body.quote is not None:
        plan = pinned(plan, body.quote, order, now)
    return refund_begun(known, order, message, plan, now).decided()


def reverse_refund(known: Known, body: ReverseRefund, message: Message, now: datetime) -> Decision:
    """Undo a refund; what it moved stands in the plan of its settlement (P24)."""
    order = owned(known.find(Order, body.order_id), body.order_id)
    refuse_while_settling(order)
    refund = refund_to_reverse(order, body.settlement_id)
    refunded = known.find(Run, refund.settlement_id)
    if refunded is None:
        raise FailedPrecondition("NO_REFUND_TO_REVERSE", f"{refund.settlement_id} is not on record")
    plan = reversal_plan(refund, refunded.plan, body.reason, uncovered_minor(refunded))
    return begun(known, order, message, plan, now).decided()


def hold_expired(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer: nobody shipped in time, so what has not shipped is closed and its hold released (A14)."""
    order = known.find(Order, message.key)
    if order is None or not order.open or order.hold_expires_at is None:
        return Decision()
    if order.settlement_id or REFUNDS in known.stopped:
        return Decision(timers=(Timer(HOLD_EXPIRY, order.id, order.id, now + HELD_UP),))
    if not runs_out(order, now):
        return Decision(timers=(Timer(HOLD_EXPIRY, order.id, order.id, order.hold_expires_at + TICK),))
    closing = begun(known, order, message, expiry_plan(order), now)
    decision = closing.decided()
    if not closing.order.settlement_id:
        return decision
    return replace(decision, timers=(*decision.timers, Timer(HOLD_EXPIRY, order.id, order.id, now + HELD_UP)))


def refuse_while_stopped(known: Known) -> None:
    """Refuse what would give money back while operators have stopped all of it; what is under way goes on."""
    if REFUNDS in known.stopped:
        raise FailedPrecondition("REFUNDS_STOPPED", "no refund begins until operators let refunds go on")


def refund_begun(
    known: Known, order: Order, message: Message, plan: RefundPlan, now: datetime, *, facts: tuple[object, ...] = ()
) -> Begun:
    """A refund that began: the order has it on record from now on."""
    refuse_while_stopped(known)
    days = within_limits(known, order, plan.money.amount_minor, now)
    entry = Refund(plan.refund_id, fresh("saga", message), RefundState.ACCEPTED, plan.money.amount_minor)
    refund = begun(known, replace(order, refunds=(*order.refunds, entry)), message, plan, now, facts=facts)
    return refund.beside(*days)


def within_limits(known: Known, order: Order, amount_minor: int, now: datetime) -> tuple[RefundDay, ...]:
    """What this refund makes of the counts of the day; what pays nothing, goods that come back to nothing, is none."""
    if not (known.limits and amount_minor):
        return ()
    limits = tuple(limited(known.limits, order.customer_id, order.merchant_id))
    if unknown := [(RefundDay, each.subject) for each in limits if not known.has(RefundDay, each.subject)]:
        raise Missing(rows=unknown)  # all of them together, so that they are locked in one order
    return tuple([
        counted(known.find(RefundDay, each.subject), each, amount_minor, known.limits, now) for each in limits
    ])


def begun(
    known: Known, order: Order, message: Message, plan: Plan, now: datetime, *, facts: tuple[object, ...] = ()
) -> Begun:
    """The order locked by a new settlement of it; where that is done at once, the order as its end left it."""
    progress = launch(fresh("saga", message), order, plan, now)
    if progress.ended:
        order, first = told(order, *facts)
        end = ended(known, order, progress.run, now)
        return Begun(progress.run, end.order, end.case, replace(end.rest, events=(*first, *end.rest.events)))
    held, events = after(
        order, now, *facts, state=state_during(order, plan.kind), settlement_id=progress.run.id
    )
    rest = Decision(events=events, commands=progress.commands, timers=progress.timers)
    return Begun(progress.run, held, None, rest)
