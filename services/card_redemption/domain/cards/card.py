"""A gift card (京东E卡): what it is worth, what of that is held, and what may be done with it (DOMAIN 2.9)."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from services.card_redemption.domain.codes import CardCode
from services.card_redemption.domain.states import CardStanding, CardState
from services.kernel.chain import NONE_YET
from services.kernel.decision import Event
from services.kernel.errors import FailedPrecondition


@dataclass(frozen=True, slots=True)
class GiftCard:
    """The root: `balance_minor` is its booked value (L.GIFTCARD), of which undecided sagas hold `held_minor`.

    A card of another `issuer` ("" is us) has no value in our book (OP-5). `claimed_by` is the redemption or the closing
    that has it, or had it when it was written off; `frozen_from` is where it stood before the freeze that only
    `frozen_for` may lift; `handed_to` the customer who may activate a transfer, of a closed card the account that has
    its value. `code_number` counts its codes: only the last one is good. `events_head` is the head of the chain of its
    events, which no rule reads. `purchaser_id` bought the card and `purchase` is the bank payment with which, whoever
    owns it by now; "" where that is not known.
    """

    id: str
    customer_id: str
    face_minor: int
    balance_minor: int
    issued_at: datetime
    held_minor: int = 0
    sequence: int = 0
    version: int = 1
    events_head: bytes = field(default=NONE_YET, compare=False, repr=False)
    standing: CardStanding = CardStanding.ACTIVE
    claimed_by: str = ""
    frozen_from: CardStanding | None = None
    frozen_for: str = ""
    handed_to: str = ""
    code_number: int = 1
    issuer: str = ""
    purchaser_id: str = ""
    purchase: str = ""

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.id

    @property
    def spendable_minor(self) -> int:
        """What may be taken of it: what is held is an order's, or on its way into the wallet."""
        return self.balance_minor - self.held_minor

    @property
    def state(self) -> CardState:
        """Its standing; while it is active, what follows from its value: a refund makes an exhausted card usable."""
        if self.standing is not CardStanding.ACTIVE or self.issuer:
            return CardState[self.standing.name]
        if self.balance_minor == 0:
            return CardState.EXHAUSTED
        return CardState.ACTIVE if self.balance_minor >= self.face_minor else CardState.PARTIALLY_USED

    @property
    def over(self) -> bool:
        """Whether nobody can use it any more: what comes back to it belongs in the wallet (PM-3)."""
        return self.standing in OVER


OVER = frozenset({CardStanding.WRITTEN_OFF, CardStanding.VOID, CardStanding.CLOSED})


class CardStep(NamedTuple):
    """One step of a card: the card after it, and the event that tells it."""

    card: GiftCard
    event: Event


def holding(card: GiftCard, amount_minor: int) -> GiftCard:
    """The card with the amount more (or less) of it held; like every claim it moves no version."""
    return replace(card, held_minor=card.held_minor + amount_minor)


def stepped(card: GiftCard, change_minor: int) -> GiftCard:
    """The card after a command that changed its value: one version and one event on."""
    return replace(
        card, balance_minor=card.balance_minor + change_minor, version=card.version + 1, sequence=card.sequence + 1
    )


def step(card: GiftCard, fact: object, change_minor: int = 0, **moved: Any) -> CardStep:  # Any: fields of a card
    """The card after a decision about its standing, told by this fact."""
    after = replace(stepped(card, change_minor), **moved)
    return CardStep(after, Event(after.id, after.sequence, fact))


def refuse_unless(card: GiftCard, *standings: CardStanding) -> None:
    """Let nothing pass but a card that stands so (CARD_STATE)."""
    if card.standing not in standings:
        raise FailedPrecondition("CARD_STATE", f"{card.id} is {card.state}")


def refuse_held(card: GiftCard) -> None:
    """Let nothing pass while a settlement that is not decided holds value of the card (CARD_STATE)."""
    if card.held_minor:
        raise FailedPrecondition(
            "CARD_STATE", f"a settlement that is not decided holds {card.held_minor} fen of {card.id}"
        )


def is_good(card: GiftCard, code: CardCode | None) -> bool:
    """Whether it is the card's code, and not dead (RD-2)."""
    return code is not None and (code.card_id, code.number) == (card.id, card.code_number)
