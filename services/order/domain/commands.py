"""What the order service is asked to do. Every body names its order (the root); amounts are fen."""

from dataclasses import dataclass
from datetime import datetime

from services.order.domain.credit_terms import CreditTerms
from services.order.domain.deductions import Deduction
from services.order.domain.lines import LineQuantity
from services.order.domain.pricing import Promotion
from services.order.domain.quotes import QuoteContent
from services.order.domain.tenders import TenderType


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line as it is ordered."""

    id: str
    quantity: int
    unit_price_minor: int
    sku: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class NewTender:
    """A means of payment with its share; `reference` is the card's id or the acquirer's reference of the payment."""

    type: TenderType
    amount_minor: int
    reference: str = ""


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """Place an order: its tenders are reserved by a settlement (OR-5)."""

    order_id: str
    customer_id: str
    merchant_id: str
    account_id: str
    lines: tuple[NewLine, ...]
    tenders: tuple[NewTender, ...]
    promotions: tuple[Promotion, ...] = ()
    terms: CreditTerms | None = None
    coupon_minor: int = 0


@dataclass(frozen=True, slots=True)
class ConfirmShipment:
    """The merchant's ship-out click (OR-4); no lines means everything that is open."""

    order_id: str
    lines: tuple[LineQuantity, ...] = ()
    waybill_number: str = ""
    merchant_id: str = ""


@dataclass(frozen=True, slots=True)
class ConfirmDelivery:
    """The order arrived."""

    order_id: str


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Cancel what has not shipped; `operator_id` is set where support forces it (OR-7)."""

    order_id: str
    reason: str
    note: str = ""
    customer_id: str = ""
    operator_id: str = ""
    lines: tuple[LineQuantity, ...] = ()
    quote: QuoteContent | None = None


@dataclass(frozen=True, slots=True)
class RequestReturn:
    """The customer asks to return units of a shipped order (CR-4)."""

    order_id: str
    lines: tuple[LineQuantity, ...]
    customer_id: str = ""
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ApproveReturn:
    """The merchant approves a return (CR-5)."""

    order_id: str
    return_id: str
    return_address: str = ""


@dataclass(frozen=True, slots=True)
class RejectReturn:
    """The merchant rejects a return."""

    order_id: str
    return_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WithdrawReturn:
    """The customer takes a return back, as long as there is no waybill."""

    order_id: str
    return_id: str


@dataclass(frozen=True, slots=True)
class RegisterWaybill:
    """The goods are on their way back (CR-6)."""

    order_id: str
    return_id: str
    waybill_number: str
    carrier: str = ""


@dataclass(frozen=True, slots=True)
class ConfirmReceipt:
    """The merchant got the goods: the only trigger of the refund (CR-7). No accepted lines means all of the case; what
    is worn or incomplete may be deducted (PR-9)."""

    order_id: str
    return_id: str
    accepted: tuple[LineQuantity, ...] = ()
    quote: QuoteContent | None = None
    deductions: tuple[Deduction, ...] = ()


@dataclass(frozen=True, slots=True)
class RefuseDelivery:
    """The customer refused the parcel at the door; it goes back under this number (DOMAIN 2.1)."""

    order_id: str
    waybill_number: str
    carrier: str = ""
    note: str = ""
    customer_id: str = ""


@dataclass(frozen=True, slots=True)
class DisputeReceipt:
    """The merchant disputes what arrived (DOMAIN 2.2)."""

    order_id: str
    return_id: str
    evidence: tuple[str, ...] = ()
    note: str = ""
    merchant_id: str = ""


@dataclass(frozen=True, slots=True)
class DisputeRejection:
    """The customer disputes that the merchant rejected a return (DOMAIN 2.2)."""

    order_id: str
    return_id: str
    evidence: tuple[str, ...] = ()
    note: str = ""
    customer_id: str = ""


@dataclass(frozen=True, slots=True)
class DisputeDeduction:
    """The customer disputes what the merchant deducted at the receipt (PR-9)."""

    order_id: str
    return_id: str
    evidence: tuple[str, ...] = ()
    note: str = ""
    customer_id: str = ""


@dataclass(frozen=True, slots=True)
class ResolveDispute:
    """Support decides a dispute. `upheld`: for the customer; no accepted lines means all of the case."""

    order_id: str
    return_id: str
    upheld: bool
    operator_id: str
    reason: str
    accepted: tuple[LineQuantity, ...] = ()


@dataclass(frozen=True, slots=True)
class RefundAmount:
    """Money back without goods: a price reduction of a line (PR-8),
    or goodwill on the order if none is named (PR-9)."""

    order_id: str
    amount_minor: int
    reason: str = ""
    quote: QuoteContent | None = None
    line_id: str = ""


@dataclass(frozen=True, slots=True)
class ReverseRefund:
    """Undo a refund: this one, or the order's last accepted one (P24)."""

    order_id: str
    settlement_id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FlashRefundConfirmed:
    """Notice: a pending refund is done, by the network or by two people."""

    order_id: str
    refund_id: str
    confirmed_at: datetime
    manual: bool = False


@dataclass(frozen=True, slots=True)
class FlashRefundExpired:
    """Notice: the network did not confirm within 24 hours (SC-5)."""

    order_id: str
    refund_id: str


@dataclass(frozen=True, slots=True)
class BankRefundSettled:
    """Notice: the acquirer paid a bank-card share back (P7), or, `rerouted`, the wallet has it (PM-3)."""

    order_id: str
    refund_id: str
    leg_id: str
    amount_minor: int
    rerouted: bool = False
