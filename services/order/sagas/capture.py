"""Capture on shipment: the merchant's click is the commit point; the hold is checked where it lies (OR-4, A14)."""

from datetime import datetime

from services.kernel.decision import Decision, Known, Timer
from services.kernel.saga import Definition, Run
from services.order.domain import outcomes
from services.order.domain.completion import no_alarm
from services.order.domain.events import OrderShipped
from services.order.domain.lines import LineQuantity
from services.order.domain.order import Order, after
from services.order.domain.participation import CaptureDeposit, CaptureTenders
from services.order.domain.placing import HOLD_EXPIRY
from services.order.domain.plans import CapturePlan
from services.order.domain.states import Kind
from services.order.sagas.ending import Ended, Ending, card_redemption, credit_ledger

DEFINITION = Definition(
    kind=Kind.CAPTURE,
    version=1,
    plan_type=CapturePlan,
    participants=(
        credit_ledger(lambda plan: CaptureTenders(plan.money)),
        card_redemption(lambda plan: CaptureDeposit(plan.money)),
    ),
)


def done(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """These units are on their way, their share is captured."""
    plan: CapturePlan = run.plan
    fact = OrderShipped(order.id, tuple(LineQuantity(v.id, v.quantity) for v in plan.lines), plan.money.shares, run.id)
    shipped, events = after(outcomes.shipped(order, plan), now, fact)
    cleared = () if shipped.open else ((HOLD_EXPIRY, order.id),)
    return Ended(shipped, rest=Decision(events=events, cleared=(*cleared, *no_alarm(order, shipped.state))))


def aborted(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """The merchant may not ship. A hold that ran out closes the order at once."""
    still, events = after(outcomes.as_before(order), now)
    expired = run.reason == "HOLD_EXPIRED"
    timers = (Timer(HOLD_EXPIRY, order.id, order.id, now),) if expired else ()
    return Ended(still, rest=Decision(events=events, timers=timers))


ENDING = Ending(DEFINITION, done, aborted)
