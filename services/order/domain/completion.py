"""The after-sale time of a delivered order: how long it lasts, and what it lets through (DOMAIN 2.1)."""

from datetime import datetime, timedelta

from services.kernel.calendar import business_date, start_of
from services.kernel.decision import Timer
from services.kernel.errors import FailedPrecondition
from services.order.domain.order import Order
from services.order.domain.states import OrderState

AFTER_SALE_DAYS = 180
"""A delivered order can be returned for 180 days; the day of the delivery is not counted (CV-10)."""

AFTER_SALE = "after_sale"
"""Timer of a delivered order: its after-sale time ends."""

LOOK_AGAIN = timedelta(days=1)
"""When an order whose time is over, but which something still holds open, is looked at again."""


def after_sale_end(delivered_at: datetime) -> datetime:
    """The midnight after the last day, which is outside."""
    return start_of(business_date(delivered_at) + timedelta(days=AFTER_SALE_DAYS + 1))


def returnable(order: Order, now: datetime) -> None:
    """Refuse a new return once the after-sale time is over, whether the timer came or not."""
    if order.state is OrderState.COMPLETED or (order.delivered_at and now >= after_sale_end(order.delivered_at)):
        raise _closed(order)


def refundable(order: Order, now: datetime) -> None:
    """Refuse money back on an order that is completed, or would be if its timer were not late."""
    over = order.delivered_at is not None and ends_at(order, now) <= now and not held_open(order)
    if order.state is OrderState.COMPLETED or over:
        raise _closed(order)


def alarm(order: Order, delivered_at: datetime, now: datetime) -> Timer:
    """The timer of a delivered order."""
    return Timer(AFTER_SALE, order.id, order.id, max(now, after_sale_end(delivered_at)))


def no_alarm(order: Order, state: OrderState) -> tuple[tuple[str, str], ...]:
    """The timer to be cleared if the order ends in this state: fully refunded, it waits for nothing any more."""
    return ((AFTER_SALE, order.id),) if state is OrderState.FULLY_REFUNDED and order.delivered_at else ()


def ends_at(order: Order, now: datetime) -> datetime:
    """When the order may be completed: never before the last rejection can no longer be disputed."""
    end = after_sale_end(order.delivered_at) if order.delivered_at else now
    return max(end, order.contestable_until or end)


def held_open(order: Order) -> bool:
    """Whether a return case is open, a refund waits for its channel or for people, or a unit has not shipped yet."""
    return order.open or order.waiting_refund is not None or any(line.returning for line in order.lines)


def _closed(order: Order) -> FailedPrecondition:
    return FailedPrecondition("AFTER_SALE_CLOSED", f"{order.id} was delivered at {order.delivered_at}")
