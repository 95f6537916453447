"""What the card service tells: facts for subscribers, in the past tense. Amounts are fen."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CardIssued:
    """A card is on the books."""

    card_id: str
    customer_id: str
    face_minor: int


@dataclass(frozen=True, slots=True)
class CardDeposited:
    """An order took value of the card."""

    card_id: str
    order_id: str
    amount_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class CardDepositReturned:
    """An unshipped share came back."""

    card_id: str
    order_id: str
    amount_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class CardDepositCaptured:
    """A share became the merchant's."""

    card_id: str
    order_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class CardRefunded:
    """A refunded share is on the card again."""

    card_id: str
    order_id: str
    refund_id: str
    amount_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class CardRefundReversed:
    """A refund was undone."""

    card_id: str
    order_id: str
    refund_id: str
    amount_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class MerchantShareCleared:
    """What this book owed a merchant went to credit_ledger, which paid it."""

    merchant_id: str
    amount_minor: int
