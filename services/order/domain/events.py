"""Facts for subscribers, on `settlement.order.events.v1`, numbered within their order."""

from dataclasses import dataclass
from datetime import datetime

from services.order.domain.deductions import Deduction
from services.order.domain.lines import Line, LineQuantity
from services.order.domain.states import BankStep
from services.order.domain.tenders import Shares


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """All tenders are reserved; the merchant may ship. The lines are as they were ordered."""

    order_id: str
    customer_id: str
    merchant_id: str
    shares: Shares
    settlement_id: str
    lines: tuple[Line, ...] = ()
    coupon_minor: int = 0


@dataclass(frozen=True, slots=True)
class OrderRejected:
    """A tender failed."""

    order_id: str
    reason: str
    settlement_id: str


@dataclass(frozen=True, slots=True)
class OrderShipped:
    """A shipment is captured."""

    order_id: str
    lines: tuple[LineQuantity, ...]
    shares: Shares
    settlement_id: str


@dataclass(frozen=True, slots=True)
class OrderDelivered:
    """The order arrived."""

    order_id: str


@dataclass(frozen=True, slots=True)
class DeliveryRefused:
    """The customer refused the parcel at the door; it comes back as this case."""

    order_id: str
    return_id: str


@dataclass(frozen=True, slots=True)
class OrderCompleted:
    """The after-sale time is over."""

    order_id: str


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """The order, or the rest of it, is cancelled everywhere."""

    order_id: str
    reason: str
    lines: tuple[LineQuantity, ...]
    shares: Shares
    settlement_id: str


@dataclass(frozen=True, slots=True)
class PaymentExpired:
    """The hold expired before shipment; the rest of the order is closed (A14)."""

    order_id: str
    shares: Shares
    settlement_id: str


@dataclass(frozen=True, slots=True)
class RefundAccepted:
    """A refund is accepted and waits for the flash network; `reduced_line` if it is a price reduction (PR-8)."""

    order_id: str
    refund_id: str
    shares: Shares
    settlement_id: str
    reduced_line: str = ""


@dataclass(frozen=True, slots=True)
class OrderRefunded:
    """A refund took effect everywhere; `full` if nothing is left to refund, `reduced_line` if it is a price reduction.
    `confirmed_at` is when the flash network, or (`manual`) people, said that it is done, if it waited for that."""

    order_id: str
    refund_id: str
    shares: Shares
    lines: tuple[LineQuantity, ...]
    full: bool
    settlement_id: str
    reduced_line: str = ""
    confirmed_at: datetime | None = None
    manual: bool = False


@dataclass(frozen=True, slots=True)
class RefundFailed:
    """A refund failed; nothing was changed."""

    order_id: str
    refund_id: str
    reason: str
    settlement_id: str


@dataclass(frozen=True, slots=True)
class RefundExceptionRaised:
    """A refund needs a person."""

    order_id: str
    refund_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RefundReversed:
    """A refund was undone everywhere."""

    order_id: str
    refund_id: str
    amount_minor: int
    settlement_id: str
    reduced_line: str = ""


@dataclass(frozen=True, slots=True)
class BankRefundArrived:
    """The acquirer paid a bank-card share back, or, `rerouted`, the wallet has it: the card is closed (PM-3), or,
    `manual`, two people paid it (MA-3)."""

    order_id: str
    refund_id: str
    amount_minor: int
    rerouted: bool = False
    leg_id: str = ""
    manual: bool = False


@dataclass(frozen=True, slots=True)
class BankRefundStepped:
    """A bank-card share took a step on its way back, or after its end, at `stepped_at` (PM-7)."""

    order_id: str
    refund_id: str
    leg_id: str
    step: BankStep
    amount_minor: int
    detail: str
    stepped_at: datetime


@dataclass(frozen=True, slots=True)
class ReturnRequested:
    """The customer asked to return units."""

    order_id: str
    return_id: str
    lines: tuple[LineQuantity, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class ReturnApproved:
    """A return was approved, by the merchant or by time."""

    order_id: str
    return_id: str
    automatic: bool


@dataclass(frozen=True, slots=True)
class ReturnRejected:
    """A return was rejected."""

    order_id: str
    return_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReturnWithdrawn:
    """A return was withdrawn."""

    order_id: str
    return_id: str


@dataclass(frozen=True, slots=True)
class ReturnExpired:
    """A return expired without a waybill."""

    order_id: str
    return_id: str


@dataclass(frozen=True, slots=True)
class ReturnShipped:
    """The goods are on their way back."""

    order_id: str
    return_id: str
    waybill_number: str


@dataclass(frozen=True, slots=True)
class ReturnReceived:
    """The merchant got the goods; the refund begins, less what is deducted (PR-9)."""

    order_id: str
    return_id: str
    accepted: tuple[LineQuantity, ...]
    settlement_id: str
    deductions: tuple[Deduction, ...] = ()


@dataclass(frozen=True, slots=True)
class ReturnDisputed:
    """The merchant disputes what arrived, or the customer the rejection, or (`of_deduction`) what was deducted."""

    order_id: str
    return_id: str
    disputed_by: str
    evidence: tuple[str, ...]
    of_deduction: bool = False


@dataclass(frozen=True, slots=True)
class ReturnDisputeResolved:
    """Support decided a dispute, of a rejection, a receipt or (`of_deduction`) a deduction; `upheld`:
    for the customer."""

    order_id: str
    return_id: str
    upheld: bool
    operator_id: str
    reason: str
    of_deduction: bool = False
