"""The events of orders as the facts that the domain told; an event that cannot be read says so."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.order.domain import events
from services.order.domain.deductions import Deduction
from services.order.domain.lines import Line, LineQuantity
from services.order.domain.states import BankStep
from services.order.domain.tenders import Share, TenderType
from settlement.common.v1 import tender_pb2
from settlement.credit_ledger.v1 import leg_pb2
from settlement.order.v1 import after_sale_service_pb2, events_pb2, order_pb2

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UPHELD = after_sale_service_pb2.DISPUTE_DECISION_UPHELD


class Told(NamedTuple):
    """One event of an aggregate: its number, when it was told, and the fact; or (None) why it cannot be read."""

    aggregate_id: str
    sequence: int
    at: datetime
    fact: Any  # Any: a dataclass of `services.order.domain.events`
    flaw: str = ""

    @property
    def key(self) -> str:
        return f"{self.aggregate_id}/{self.sequence}"


def told(aggregate_id: str, sequence: int, name: str, at: datetime, payload: bytes) -> Told:
    """The event of this type that was stored."""
    reader = _READERS.get(name)
    if reader is None:
        return Told(aggregate_id, sequence, at, None, f"{name or 'nothing'} is no event of orders")
    wire, read = reader
    try:
        return Told(aggregate_id, sequence, at, read(wire.FromString(payload)))
    except (DecodeError, ValueError, KeyError, OverflowError) as error:
        return Told(aggregate_id, sequence, at, None, f"no {name.rpartition('.')[2]}: {error}")


def _words(enum: Any) -> Mapping[int, str]:  # Any: the generated code of an enum
    """The names of an enum's values by number, without the name of the enum before them; 0 is nothing."""
    names = dict(zip(enum.values(), enum.keys(), strict=True))
    prefix = names[0].removesuffix("UNSPECIFIED")
    return {number: name.removeprefix(prefix) if number else "" for number, name in names.items()}


_TENDERS = {n: TenderType(word) for n, word in _words(tender_pb2.TenderType).items() if word in set(TenderType)}
_STEPS = {n: BankStep(word) for n, word in _words(leg_pb2.LegStep).items() if word in set(BankStep)}
_CANCEL_REASONS = _words(order_pb2.CancelReason)
_RETURN_REASONS = _words(after_sale_service_pb2.ReturnReason)
_DEDUCTION_REASONS = _words(after_sale_service_pb2.DeductionReason)
_PARTIES = _words(after_sale_service_pb2.DisputeParty)


def _shares(wire: Iterable[Any], whole_minor: int | None = None) -> tuple[Share, ...]:  # Any: protobuf, as below
    shares = tuple([Share(_TENDERS[each.type], each.amount_minor) for each in wire])
    if whole_minor is not None and sum([share.amount_minor for share in shares]) != whole_minor:
        raise ValueError(f"its tenders do not sum to its {whole_minor} fen")
    return shares


def _units(wire: Iterable[Any]) -> tuple[LineQuantity, ...]:
    return tuple([LineQuantity(each.line_id, each.quantity) for each in wire])


def _instant(stamp: Timestamp) -> datetime:
    return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)


def _line(wire: Any) -> Line:
    return Line(
        wire.line_id, wire.quantity, wire.unit_price_minor, wire.payable_minor, sku=wire.sku, title=wire.title
    )


def _deduction(wire: Any) -> Deduction:
    return Deduction(
        line_id=wire.line_id, amount_minor=wire.amount.minor_units, reason=_DEDUCTION_REASONS[wire.reason],
        evidence=tuple(wire.evidence), note=wire.note,
    )


def _placed(wire: Any) -> events.OrderPlaced:
    return events.OrderPlaced(
        order_id=wire.order_id, customer_id=wire.customer_id, merchant_id=wire.merchant_id,
        shares=_shares(wire.tenders, wire.payable_minor), settlement_id=wire.settlement_id,
        lines=tuple([_line(line) for line in wire.lines]), coupon_minor=wire.coupon_minor,
    )


def _refunded(wire: Any) -> events.OrderRefunded:
    return events.OrderRefunded(
        order_id=wire.order_id, refund_id=wire.refund_id, shares=_shares(wire.tenders, wire.amount_minor),
        lines=_units(wire.lines), full=wire.full, settlement_id=wire.settlement_id,
        reduced_line=wire.reduced_line_id, manual=wire.manual,
        confirmed_at=_instant(wire.confirm_time) if wire.HasField("confirm_time") else None,
    )


def _bank_stepped(wire: Any) -> events.BankRefundStepped:
    return events.BankRefundStepped(
        order_id=wire.order_id, refund_id=wire.refund_id, leg_id=wire.leg_id, step=_STEPS[wire.step],
        amount_minor=wire.amount_minor, detail=wire.detail, stepped_at=_instant(wire.step_time),
    )


def _received(wire: Any) -> events.ReturnReceived:
    return events.ReturnReceived(
        order_id=wire.order_id, return_id=wire.return_id, accepted=_units(wire.accepted_lines),
        settlement_id=wire.settlement_id, deductions=tuple(_deduction(each) for each in wire.deductions),
    )


def _resolved(wire: Any) -> events.ReturnDisputeResolved:
    return events.ReturnDisputeResolved(
        order_id=wire.order_id, return_id=wire.return_id, upheld=wire.decision == _UPHELD,
        operator_id=wire.operator_id, reason=wire.reason, of_deduction=wire.of_deduction,
    )


_Reader = tuple[type[Message], Callable[[Any], object]]


def _of_order(fact: type) -> Callable[[Any], object]:
    return lambda wire: fact(wire.order_id)


def _of_case(fact: type) -> Callable[[Any], object]:
    return lambda wire: fact(wire.order_id, wire.return_id)


_BY_MESSAGE: tuple[_Reader, ...] = (
    (events_pb2.OrderPlaced, _placed),
    (events_pb2.OrderRejected, lambda w: events.OrderRejected(w.order_id, w.reason, w.settlement_id)),
    (events_pb2.OrderShipped,
     lambda w: events.OrderShipped(w.order_id, _units(w.lines), _shares(w.tenders), w.settlement_id)),
    (events_pb2.OrderDelivered, _of_order(events.OrderDelivered)),
    (events_pb2.DeliveryRefused, _of_case(events.DeliveryRefused)),
    (events_pb2.OrderCompleted, _of_order(events.OrderCompleted)),
    (events_pb2.OrderCancelled, lambda w: events.OrderCancelled(
        w.order_id, _CANCEL_REASONS[w.reason], _units(w.lines), _shares(w.tenders), w.settlement_id)),
    (events_pb2.PaymentExpired,
     lambda w: events.PaymentExpired(w.order_id, _shares(w.tenders), w.settlement_id)),
    (events_pb2.RefundAccepted, lambda w: events.RefundAccepted(
        w.order_id, w.refund_id, _shares(w.tenders, w.amount_minor), w.settlement_id, w.reduced_line_id)),
    (events_pb2.OrderRefunded, _refunded),
    (events_pb2.RefundFailed,
     lambda w: events.RefundFailed(w.order_id, w.refund_id, w.reason, w.settlement_id)),
    (events_pb2.RefundExceptionRaised,
     lambda w: events.RefundExceptionRaised(w.order_id, w.refund_id, w.reason)),
    (events_pb2.RefundReversed, lambda w: events.RefundReversed(
        w.order_id, w.refund_id, w.amount_minor, w.settlement_id, w.reduced_line_id)),
    (events_pb2.BankRefundArrived, lambda w: events.BankRefundArrived(
        order_id=w.order_id, refund_id=w.refund_id, amount_minor=w.amount_minor, rerouted=w.rerouted,
        leg_id=w.leg_id, manual=w.manual)),
    (events_pb2.BankRefundStepped, _bank_stepped),
    (events_pb2.ReturnRequested, lambda w: events.ReturnRequested(
        w.order_id, w.return_id, _units(w.lines), _RETURN_REASONS[w.reason])),
    (events_pb2.ReturnApproved, lambda w: events.ReturnApproved(w.order_id, w.return_id, w.automatic)),
    (events_pb2.ReturnRejected, lambda w: events.ReturnRejected(w.order_id, w.return_id, w.reason)),
    (events_pb2.ReturnWithdrawn, _of_case(events.ReturnWithdrawn)),
    (events_pb2.ReturnExpired, _of_case(events.ReturnExpired)),
    (events_pb2.ReturnShipped, lambda w: events.ReturnShipped(w.order_id, w.return_id, w.waybill_number)),
    (events_pb2.ReturnReceived, _received),
    (events_pb2.ReturnDisputed, lambda w: events.ReturnDisputed(
        w.order_id, w.return_id, _PARTIES[w.disputed_by], tuple(w.evidence), w.of_deduction)),
    (events_pb2.ReturnDisputeResolved, _resolved),
)
_READERS: Mapping[str, _Reader] = {wire.DESCRIPTOR.full_name: (wire, read) for wire, read in _BY_MESSAGE}
