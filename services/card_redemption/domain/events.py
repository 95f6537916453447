"""What the card service answers and tells: the effect of a command, and events."""

from dataclasses import dataclass
from datetime import datetime

from services.card_redemption.domain.cards.card import CardState


@dataclass(frozen=True, slots=True)
class CardEffect:
    """What a command did to a card; `op` is the operation code of its journal. `uncovered_minor` of a refund was paid to the
    merchant already: credit_ledger has it back from the merchant (P23)."""

    op: str
    card_id: str
    order_id: str
    card_version: int
    amount_minor: int
    balance_minor: int
    state: CardState
    posted_at: datetime
    refund_id: str = ""
    uncovered_minor: int = 0


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
