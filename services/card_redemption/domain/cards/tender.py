"""What an order took of a gift card, and what was given back of it."""

from dataclasses import dataclass
from typing import NamedTuple

from services.kernel.participant import Pending


class CardRefund(NamedTuple):
    """What was given back under a refund's id; this book owed the merchant no longer `uncovered_minor` of it (OP-3)."""

    refund_id: str
    amount_minor: int
    uncovered_minor: int = 0

    @property
    def covered_minor(self) -> int:
        """What of it this book still owed the merchant."""
        return self.amount_minor - self.uncovered_minor


@dataclass(frozen=True, slots=True)
class CardTender:
    """What one order took of a card: deposited before shipment, then captured or returned; what is captured, refunded.

    A saga claims the tender, not the card: an order settles once at a time, while its card may serve other orders.
    One exclusive claim per saga (the credit account's) is the reason why two sagas never wait for each other. With it
    an undecided refund claims `covering_minor` of what this book owes the merchant.
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
        return self.order_id

    @property
    def root(self) -> str:
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
