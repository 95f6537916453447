"""Plans to ship or to cancel: a race on one row, by lines, inside the hold (CR-12, DOMAIN 2.1, A14)."""

from collections.abc import Sequence
from datetime import datetime

from services.kernel.errors import FailedPrecondition, InvalidArgument
from services.order.domain.commands import CancelOrder, ConfirmShipment
from services.order.domain.lines import LineValue, open_values
from services.order.domain.order import Order
from services.order.domain.plans import CancellationPlan, CapturePlan, Movement, movement
from services.order.domain.states import OrderState
from services.order.domain.tenders import held_coupon, held_shares


def capture_plan(order: Order, body: ConfirmShipment, now: datetime) -> CapturePlan:
    """What a shipment captures; refused where the cancel won, or the hold ran out."""
    _may_move(order, now)
    values = open_values(order.lines, body.lines)
    return CapturePlan(_held_money(order, values), values, body.waybill_number)


def cancellation_plan(order: Order, body: CancelOrder, now: datetime) -> CancellationPlan:
    """What a cancel gives back; refused where the shipment won."""
    if body.operator_id and order.shipped:
        raise FailedPrecondition("ORDER_ALREADY_SHIPPED", "support cancels only what has not shipped at all (OR-7)")
    _may_move(order, now)
    if not body.reason:
        raise InvalidArgument("INVALID_ARGUMENT", "a cancel names its reason (OR-8)", {"field": "reason"})
    values = open_values(order.lines, body.lines)
    return CancellationPlan(_held_money(order, values), values, body.reason, body.note, body.operator_id)


def expiry_plan(order: Order) -> CancellationPlan:
    """Close what has not shipped in time (A14)."""
    values = open_values(order.lines)
    return CancellationPlan(_held_money(order, values), values, expired=True)


def hold_expired(order: Order, now: datetime) -> bool:
    """Whether the authorization ran out; its last instant is still inside."""
    return order.hold_expires_at is not None and now > order.hold_expires_at


def _may_move(order: Order, now: datetime) -> None:
    """Refuse to ship or cancel what is not open any more, with the name of the winner."""
    if order.state is OrderState.REJECTED:
        raise FailedPrecondition("ORDER_STATE", f"{order.id} was rejected: {order.reject_reason}")
    if not order.open:
        if order.shipped:
            detail = f"{order.id} has shipped: only a return can bring money back"
            raise FailedPrecondition("ORDER_ALREADY_SHIPPED", detail)
        reason = "HOLD_EXPIRED" if order.expired else "ORDER_CANCELLED"
        raise FailedPrecondition(reason, f"{order.id} is {order.state}")
    if hold_expired(order, now):
        raise FailedPrecondition("HOLD_EXPIRED", f"{order.id} was held until {order.hold_expires_at}")


def _held_money(order: Order, values: Sequence[LineValue]) -> Movement:
    amount = sum(value.amount_minor for value in values)
    return movement(order, held_shares(order.tenders, amount), _coupon(order, values, amount))


def _coupon(order: Order, values: Sequence[LineValue], amount_minor: int) -> int:
    """Where nothing is payable the coupon has nothing to be weighed by: it goes with the last units."""
    if order.payable_minor:
        return held_coupon(order.coupon, order.tenders, amount_minor)
    last = sum(line.open for line in order.lines) == sum(value.quantity for value in values)
    return order.coupon.amount_minor - order.coupon.captured_minor - order.coupon.released_minor if last else 0
