"""A gift card (京东E卡) and its share in an order (DOMAIN 2.9)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.kernel.participant import Pending


class CardState(StrEnum):
    """How much of its face a card still holds."""

    ACTIVE = "ACTIVE"
    PARTIALLY_USED = "PARTIALLY_USED"
    EXHAUSTED = "EXHAUSTED"


@dataclass(frozen=True, slots=True)
class GiftCard:
    """The root. `balance_minor` is its booked value (L.GIFTCARD); `held_minor` of it is claimed by undecided deposits."""

    id: str
    customer_id: str
    face_minor: int
    balance_minor: int
    issued_at: datetime
    held_minor: int = 0
    sequence: int = 0
    version: int = 1

    @property
    def key(self) -> str:
        """Its id."""
        return self.id

    @property
    def root(self) -> str:
        """Itself."""
        return self.id

    @property
    def spendable_minor(self) -> int:
        """What a new order may take of it."""
        return self.balance_minor - self.held_minor

    @property
    def state(self) -> CardState:
        """What follows from its value; a refund makes an exhausted card usable again."""
        if self.balance_minor == 0:
            return CardState.EXHAUSTED
        return CardState.ACTIVE if self.balance_minor >= self.face_minor else CardState.PARTIALLY_USED


class CardRefund(NamedTuple):
    """What was given back under a refund's id; this book no longer owed the merchant `uncovered_minor` of it (OP-3)."""

    refund_id: str
    amount_minor: int
    uncovered_minor: int = 0


@dataclass(frozen=True, slots=True)
class CardTender:
    """What one order took of a card: deposited before shipment, captured or returned, refunded at most what was captured.

    A saga claims the tender, not the card: an order settles once at a time, while its card may serve other orders.
    One exclusive claim per saga (the credit account's) is the reason why two sagas never wait for each other. With it an
    undecided refund claims `covering_minor` of what this book owes the merchant.
    """

    order_id: str
    card_id: str
    merchant_id: str
    deposited_minor: int = 0
    returned_minor: int = 0
    captured_minor: int = 0
    refunds: tuple[CardRefund, ...] = ()
    pending: Pending | None = None
    version: int = 0
    covering_minor: int = 0

    @property
    def key(self) -> str:
        """The order."""
        return self.order_id

    @property
    def root(self) -> str:
        """The card."""
        return self.card_id

    @property
    def standing_minor(self) -> int:
        """What is deposited and neither captured nor returned (L.DEPOSIT)."""
        return self.deposited_minor - self.returned_minor - self.captured_minor

    @property
    def refunded_minor(self) -> int:
        """What was given back of the captured."""
        return sum(refund.amount_minor for refund in self.refunds)

    def refund_of(self, refund_id: str) -> CardRefund | None:
        """What was given back under this id."""
        return next((refund for refund in self.refunds if refund.refund_id == refund_id), None)
