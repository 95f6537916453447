"""A gift card (京东E卡): what it is worth, and what of that is held (DOMAIN 2.9)."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from services.card_redemption.domain.states import CardState
from services.kernel.chain import NONE_YET


@dataclass(frozen=True, slots=True)
class GiftCard:
    """The root: `balance_minor` is its booked value (L.GIFTCARD), of which undecided sagas hold `held_minor`.
    `events_head` is the head of the chain of its events, which no rule reads."""

    id: str
    customer_id: str
    face_minor: int
    balance_minor: int
    issued_at: datetime
    held_minor: int = 0
    sequence: int = 0
    version: int = 1
    events_head: bytes = field(default=NONE_YET, compare=False, repr=False)

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
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


def holding(card: GiftCard, amount_minor: int) -> GiftCard:
    """The card with the amount more (or less) of it held; like every claim it moves no version."""
    return replace(card, held_minor=card.held_minor + amount_minor)


def stepped(card: GiftCard, change_minor: int) -> GiftCard:
    """The card after a command that changed its value: one version and one event on."""
    return replace(
        card, balance_minor=card.balance_minor + change_minor, version=card.version + 1, sequence=card.sequence + 1
    )
