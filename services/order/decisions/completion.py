"""What the end of the after-sale time does (DOMAIN 2.1)."""

from datetime import datetime

from services.kernel.decision import Decision, Known, Timer
from services.kernel.messages import Message, TimerDue
from services.order.domain.completion import AFTER_SALE, LOOK_AGAIN, ends_at, held_open
from services.order.domain.events import OrderCompleted
from services.order.domain.order import Order, after
from services.order.domain.states import OrderState


def close(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer: the order is completed, unless something holds it open; then it is looked at again."""
    order = known.find(Order, message.key)
    if order is None or not order.delivered_at or order.state in (OrderState.COMPLETED, OrderState.FULLY_REFUNDED):
        return Decision()
    end = ends_at(order, now)
    if now < end or order.settlement_id or held_open(order):
        return Decision(timers=(Timer(AFTER_SALE, order.id, order.id, end if now < end else now + LOOK_AGAIN),))
    completed, facts = after(order, now, OrderCompleted(order.id), state=OrderState.COMPLETED)
    return Decision(changes=(completed,), events=facts)
