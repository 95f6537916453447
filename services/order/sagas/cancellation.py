"""Cancellation: what did not ship is given back everywhere, or the order stays as it was (CR-1, CR-2)."""

from datetime import datetime

from services.kernel.decision import Decision, Known
from services.kernel.saga import Definition, Run
from services.order.domain import outcomes
from services.order.domain.completion import no_alarm
from services.order.domain.events import OrderCancelled, PaymentExpired
from services.order.domain.lines import LineQuantity
from services.order.domain.order import Order, after
from services.order.domain.participation import ReleaseTenders, ReturnDeposit
from services.order.domain.placing import HOLD_EXPIRY
from services.order.domain.plans import CancellationPlan
from services.order.domain.states import Kind
from services.order.sagas.ending import Ended, Ending, card_redemption, credit_ledger


def _release(plan: CancellationPlan) -> ReleaseTenders:
    return ReleaseTenders(plan.money, plan.expired, plan.pins)


DEFINITION = Definition(
    kind=Kind.CANCELLATION,
    version=1,
    plan_type=CancellationPlan,
    participants=(credit_ledger(_release), card_redemption(lambda plan: ReturnDeposit(plan.money))),
)


def done(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """Nothing of these units is owed any more (CR-10)."""
    plan: CancellationPlan = run.plan
    cancelled, events = after(outcomes.cancelled(order, plan), now, _fact(plan, run.id))
    cleared = () if cancelled.open else ((HOLD_EXPIRY, order.id),)
    rest = Decision(events=events, cleared=(*cleared, *no_alarm(order, cancelled.state)))
    return Ended(cancelled, rest=rest)


def aborted(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """The order is as it was."""
    still, events = after(outcomes.as_before(order), now)
    return Ended(still, rest=Decision(events=events))


def _fact(plan: CancellationPlan, saga_id: str) -> object:
    if plan.expired:
        return PaymentExpired(plan.money.order_id, plan.money.shares, saga_id)
    units = tuple(LineQuantity(value.id, value.quantity) for value in plan.lines)
    return OrderCancelled(plan.money.order_id, plan.reason, units, plan.money.shares, saga_id)


ENDING = Ending(DEFINITION, done, aborted)
