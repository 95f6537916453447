"""Placement: all tenders of a new order are reserved, or none (OR-5)."""

from datetime import datetime

from services.kernel.calendar import TICK
from services.kernel.coordination import with_progress
from services.kernel.decision import Decision, Known, Timer
from services.kernel.saga import Definition, Run
from services.order.domain.events import OrderPlaced, OrderRejected
from services.order.domain.order import Order, after
from services.order.domain.participation import AuthorizeTenders, DepositCard, posted_at
from services.order.domain.placing import HOLD_EXPIRY, hold_expiry
from services.order.domain.plans import PlacementPlan
from services.order.domain.states import Kind, OrderState
from services.order.sagas import deposit_return
from services.order.sagas.ending import Ended, Ending, card_redemption, credit_ledger


def _authorize(plan: PlacementPlan) -> AuthorizeTenders:
    return AuthorizeTenders(plan.money, plan.terms, plan.payment_reference)


DEFINITION = Definition(
    kind=Kind.PLACEMENT,
    version=1,
    plan_type=PlacementPlan,
    participants=(
        credit_ledger(_authorize), card_redemption(lambda plan: DepositCard(plan.money)),
    ),
)


def done(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """The merchant may ship, as long as the hold lasts."""
    until = hold_expiry(posted_at(run, now))
    plan: PlacementPlan = run.plan
    fact = OrderPlaced(order.id, order.customer_id, order.merchant_id, plan.money.shares, run.id)
    placed, events = after(
        order, now, fact, state=OrderState.AWAITING_SHIPMENT, settlement_id="", hold_expires_at=until
    )
    expiry = Timer(HOLD_EXPIRY, order.id, order.id, until + TICK)
    return Ended(placed, rest=Decision(events=events, timers=(expiry,)))


def aborted(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """A tender failed: the order is dead, and what the acquirer took for it goes back (PM-5)."""
    returning = deposit_return.begun(run, now)
    rejected, events = after(
        order, now, OrderRejected(order.id, run.reason, run.id), state=OrderState.REJECTED,
        settlement_id=returning.run.id if returning else "", reject_reason=run.reason,
    )
    if returning is None:
        return Ended(rejected, rest=Decision(events=events))
    return Ended(rejected, rest=with_progress(Decision(events=events), returning))


ENDING = Ending(DEFINITION, done, aborted)
