"""Facts as messages. Amounts are fen."""

from services.order.domain import events
from services.order.domain.lines import Line
from services.order.wire.orders import DECISIONS
from services.order.wire.scalars import (
    BANK_STEPS,
    CANCEL_REASONS,
    DISPUTE_PARTIES,
    RETURN_REASONS,
    deduction_messages,
    tender_amounts,
    units,
)
from services.runtime.ground.scalars import instant_field, instant_to_wire
from settlement.order.v1 import events_pb2


def placed(fact: events.OrderPlaced) -> events_pb2.OrderPlaced:
    """All tenders are reserved."""
    return events_pb2.OrderPlaced(
        order_id=fact.order_id, customer_id=fact.customer_id, merchant_id=fact.merchant_id,
        payable_minor=sum(share.amount_minor for share in fact.shares), tenders=tender_amounts(fact.shares),
        settlement_id=fact.settlement_id, lines=[_ordered(line) for line in fact.lines],
        coupon_minor=fact.coupon_minor,
    )


def _ordered(line: Line) -> events_pb2.OrderedLine:
    return events_pb2.OrderedLine(
        line_id=line.id, quantity=line.quantity, unit_price_minor=line.unit_price_minor,
        payable_minor=line.payable_minor, sku=line.sku, title=line.title,
    )


def rejected(fact: events.OrderRejected) -> events_pb2.OrderRejected:
    """A tender failed."""
    return events_pb2.OrderRejected(order_id=fact.order_id, reason=fact.reason, settlement_id=fact.settlement_id)


def shipped(fact: events.OrderShipped) -> events_pb2.OrderShipped:
    """A shipment is captured."""
    return events_pb2.OrderShipped(
        order_id=fact.order_id, lines=units(fact.lines), tenders=tender_amounts(fact.shares),
        settlement_id=fact.settlement_id,
    )


def delivered(fact: events.OrderDelivered) -> events_pb2.OrderDelivered:
    """The order arrived."""
    return events_pb2.OrderDelivered(order_id=fact.order_id)


def delivery_refused(fact: events.DeliveryRefused) -> events_pb2.DeliveryRefused:
    """The parcel was refused."""
    return events_pb2.DeliveryRefused(order_id=fact.order_id, return_id=fact.return_id)


def completed(fact: events.OrderCompleted) -> events_pb2.OrderCompleted:
    """The after-sale time is over."""
    return events_pb2.OrderCompleted(order_id=fact.order_id)


def cancelled(fact: events.OrderCancelled) -> events_pb2.OrderCancelled:
    """Cancelled everywhere."""
    return events_pb2.OrderCancelled(
        order_id=fact.order_id, reason=CANCEL_REASONS.to_wire[fact.reason],
        lines=units(fact.lines), tenders=tender_amounts(fact.shares), settlement_id=fact.settlement_id,
    )


def payment_expired(fact: events.PaymentExpired) -> events_pb2.PaymentExpired:
    """The hold ran out."""
    return events_pb2.PaymentExpired(
        order_id=fact.order_id, tenders=tender_amounts(fact.shares), settlement_id=fact.settlement_id
    )


def refund_accepted(fact: events.RefundAccepted) -> events_pb2.RefundAccepted:
    """A refund waits for the network."""
    return events_pb2.RefundAccepted(
        order_id=fact.order_id, refund_id=fact.refund_id, amount_minor=sum(s.amount_minor for s in fact.shares),
        tenders=tender_amounts(fact.shares), settlement_id=fact.settlement_id, reduced_line_id=fact.reduced_line,
    )


def refunded(fact: events.OrderRefunded) -> events_pb2.OrderRefunded:
    """A refund took effect everywhere."""
    message = events_pb2.OrderRefunded(
        order_id=fact.order_id, refund_id=fact.refund_id, amount_minor=sum(s.amount_minor for s in fact.shares),
        tenders=tender_amounts(fact.shares), lines=units(fact.lines), full=fact.full, settlement_id=fact.settlement_id,
        reduced_line_id=fact.reduced_line, manual=fact.manual,
    )
    if fact.confirmed_at is not None:
        message.confirm_time.CopyFrom(instant_to_wire(fact.confirmed_at))
    return message


def refund_failed(fact: events.RefundFailed) -> events_pb2.RefundFailed:
    """A refund failed."""
    return events_pb2.RefundFailed(
        order_id=fact.order_id, refund_id=fact.refund_id, reason=fact.reason, settlement_id=fact.settlement_id
    )


def refund_exception(fact: events.RefundExceptionRaised) -> events_pb2.RefundExceptionRaised:
    """A refund needs a person."""
    return events_pb2.RefundExceptionRaised(order_id=fact.order_id, refund_id=fact.refund_id, reason=fact.reason)


def refund_reversed(fact: events.RefundReversed) -> events_pb2.RefundReversed:
    """A refund was undone."""
    return events_pb2.RefundReversed(
        order_id=fact.order_id, refund_id=fact.refund_id, amount_minor=fact.amount_minor,
        settlement_id=fact.settlement_id, reduced_line_id=fact.reduced_line,
    )


def bank_arrived(fact: events.BankRefundArrived) -> events_pb2.BankRefundArrived:
    """The acquirer paid."""
    return events_pb2.BankRefundArrived(
        order_id=fact.order_id, refund_id=fact.refund_id, amount_minor=fact.amount_minor, rerouted=fact.rerouted,
        leg_id=fact.leg_id, manual=fact.manual,
    )


def bank_stepped(fact: events.BankRefundStepped) -> events_pb2.BankRefundStepped:
    """A bank-card share took a step."""
    return events_pb2.BankRefundStepped(
        order_id=fact.order_id, refund_id=fact.refund_id, leg_id=fact.leg_id, step=BANK_STEPS.to_wire[fact.step],
        amount_minor=fact.amount_minor, detail=fact.detail, step_time=instant_field(fact.stepped_at),
    )


def return_requested(fact: events.ReturnRequested) -> events_pb2.ReturnRequested:
    """A return was asked for."""
    message = events_pb2.ReturnRequested(order_id=fact.order_id, return_id=fact.return_id, lines=units(fact.lines))
    if fact.reason:
        message.reason = RETURN_REASONS.to_wire[fact.reason]
    return message


def return_approved(fact: events.ReturnApproved) -> events_pb2.ReturnApproved:
    """A return was approved."""
    return events_pb2.ReturnApproved(order_id=fact.order_id, return_id=fact.return_id, automatic=fact.automatic)


def return_rejected(fact: events.ReturnRejected) -> events_pb2.ReturnRejected:
    """A return was rejected."""
    return events_pb2.ReturnRejected(order_id=fact.order_id, return_id=fact.return_id, reason=fact.reason)


def return_withdrawn(fact: events.ReturnWithdrawn) -> events_pb2.ReturnWithdrawn:
    """A return was withdrawn."""
    return events_pb2.ReturnWithdrawn(order_id=fact.order_id, return_id=fact.return_id)


def return_expired(fact: events.ReturnExpired) -> events_pb2.ReturnExpired:
    """A return ran out."""
    return events_pb2.ReturnExpired(order_id=fact.order_id, return_id=fact.return_id)


def return_shipped(fact: events.ReturnShipped) -> events_pb2.ReturnShipped:
    """The goods are on their way back."""
    return events_pb2.ReturnShipped(
        order_id=fact.order_id, return_id=fact.return_id, waybill_number=fact.waybill_number
    )


def return_received(fact: events.ReturnReceived) -> events_pb2.ReturnReceived:
    """The goods are there."""
    return events_pb2.ReturnReceived(
        order_id=fact.order_id, return_id=fact.return_id, accepted_lines=units(fact.accepted),
        settlement_id=fact.settlement_id, deductions=deduction_messages(fact.deductions),
    )


def return_disputed(fact: events.ReturnDisputed) -> events_pb2.ReturnDisputed:
    """A return is in dispute."""
    return events_pb2.ReturnDisputed(
        order_id=fact.order_id, return_id=fact.return_id, disputed_by=DISPUTE_PARTIES.to_wire[fact.disputed_by],
        evidence=fact.evidence, of_deduction=fact.of_deduction,
    )


def return_dispute_resolved(fact: events.ReturnDisputeResolved) -> events_pb2.ReturnDisputeResolved:
    """A dispute is decided."""
    return events_pb2.ReturnDisputeResolved(
        order_id=fact.order_id, return_id=fact.return_id, decision=DECISIONS[fact.upheld], operator_id=fact.operator_id,
        reason=fact.reason, of_deduction=fact.of_deduction,
    )
