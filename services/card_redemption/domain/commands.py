"""What the card service is asked to do; all but the last come from sagas of the order service. Amounts are fen."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DepositCard:
    """Take this much of a card for an order (P3)."""

    card_id: str
    order_id: str
    customer_id: str
    merchant_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class ReturnDeposit:
    """Give an unshipped share back (P6)."""

    card_id: str
    order_id: str
    merchant_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class CaptureDeposit:
    """Lines have shipped: their share is the merchant's (P4)."""

    card_id: str
    order_id: str
    merchant_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class RefundCard:
    """Put a refunded share back on the card (P12; 退换货时,e卡支付金额会原路退回至卡内)."""

    card_id: str
    order_id: str
    merchant_id: str
    refund_id: str
    amount_minor: int
    awaits_network: bool = False


@dataclass(frozen=True, slots=True)
class ReverseCardRefund:
    """Undo a refund (P24)."""

    card_id: str
    order_id: str
    merchant_id: str
    refund_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class ClearMerchantShare:
    """Give up this much of what this book owes a merchant; credit_ledger pays it. The key is its first share (3.3)."""

    merchant_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class IssueCard:
    """Put a new card on the books; one that is `inactive` is activated with its code before it is used."""

    card_id: str
    customer_id: str
    face_minor: int
    inactive: bool = False
