"""Placement: all tenders of a new order are reserved, or none (OR-5)."""

from datetime import datetime

from services.kernel.calendar import TICK
from services.kernel.coordination import with_progress
from services.kernel.decision import Decision, Known, Timer
from services.kernel.saga import Definition, Run
from services.order.domain import outcomes
from services.order.domain.events import OrderPlaced, OrderRejected
from services.order.domain.order import Order, after
from services.order.domain.participation import AuthorizeTenders, DepositCard, posted_at
from services.order.domain.placing import HOLD_EXPIRY, hold_expiry
from services.order.domain.plans import PlacementPlan
from services.order.domain.states import Kind
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
    authorized_at = posted_at(run, now)
    plan: PlacementPlan = run.plan
    fact = OrderPlaced(
        order_id=order.id, customer_id=order.customer_id, merchant_id=order.merchant_id, shares=plan.money.shares,
        settlement_id=run.id, lines=order.lines, coupon_minor=plan.money.coupon_minor,
    )
    placed, events = after(outcomes.placed(order, authorized_at), now, fact)
    expiry = Timer(HOLD_EXPIRY, order.id, order.id, hold_expiry(authorized_at) + TICK)
    return Ended(placed, rest=Decision(events=events, timers=(expiry,)))


def aborted(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """A tender failed: the order is dead, and what the acquirer took for it goes back (PM-5)."""
    returning = deposit_return.begun(run, now)
    dead = outcomes.rejected(order, run.reason, returning.run.id if returning else "")
    rejected, events = after(dead, now, OrderRejected(order.id, run.reason, run.id))
    if returning is None:
        return Ended(rejected, rest=Decision(events=events))
    return Ended(rejected, rest=with_progress(Decision(events=events), returning))


ENDING = Ending(DEFINITION, done, aborted)
