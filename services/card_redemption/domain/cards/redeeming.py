"""What a redemption does to its card: sets it aside, gives it back, writes it off, restores its value (2.9, RD-2)."""

from datetime import datetime

from services.card_redemption.domain.cards.card import CardStep, GiftCard, refuse_held, refuse_unless, step
from services.card_redemption.domain.events import (
    CardClaimed,
    CardRegistered,
    CardReleased,
    CardRestored,
    CardRevalued,
    CardWrittenOff,
)
from services.card_redemption.domain.states import CardStanding
from services.kernel.decision import Event
from services.kernel.errors import Defect, FailedPrecondition

FOREIGN = "fcd_"
"""How ids of cards of other issuers begin; the blind index of the code follows."""


def foreign_id(index: str) -> str:
    """The id of the card of another issuer whose code has this blind index: one code, one card (OP-5)."""
    return f"{FOREIGN}{index}"


def index_of(foreign_card_id: str) -> str:
    """The blind index of the code of another issuer's card."""
    return foreign_card_id.removeprefix(FOREIGN)


def register(index: str, customer_id: str, issuer: str, at: datetime) -> CardStep:
    """A card of another issuer, seen for the first time: it has no value in our book (OP-5)."""
    card = GiftCard(
        id=foreign_id(index), customer_id=customer_id, face_minor=0, balance_minor=0, issued_at=at, sequence=1,
        issuer=issuer,
    )
    return CardStep(card, Event(card.id, card.sequence, CardRegistered(card.id, customer_id, issuer)))


def claim(card: GiftCard, by: str, customer_id: str = "") -> CardStep:
    """Set an active card aside for a redemption or for its closing: nothing is spent of it until then (2.9).

    A card of another issuer is with whoever submits it.
    """
    refuse_unless(card, CardStanding.ACTIVE)
    refuse_held(card)
    holder = customer_id if card.issuer and customer_id else card.customer_id
    fact = CardClaimed(card.id, by, holder)
    return step(card, fact, standing=CardStanding.CLAIMED, claimed_by=by, customer_id=holder)


def unclaim(card: GiftCard, by: str) -> CardStep:
    """Give a card back that this redemption had set aside; one that is frozen stays so (P36)."""
    refuse_other_claim(card, by)
    fact = CardReleased(card.id, by)
    if card.frozen_from is CardStanding.CLAIMED:
        return step(card, fact, frozen_from=CardStanding.ACTIVE, claimed_by="")
    refuse_unless(card, CardStanding.CLAIMED)
    return step(card, fact, standing=CardStanding.ACTIVE, claimed_by="")


def write_off(card: GiftCard, by: str, amount_minor: int) -> CardStep:
    """The redemption has paid for this much of the card, and its code is dead for good (核销, P26; RD-2).

    What is on it beyond that stays there until the face is corrected (P31).
    """
    refuse_other_claim(card, by)
    refuse_unless(card, CardStanding.CLAIMED)
    _refuse_more_than_there_is(card, amount_minor)
    fact = CardWrittenOff(card.id, by, amount_minor, card.balance_minor - amount_minor)
    return step(card, fact, -amount_minor, standing=CardStanding.WRITTEN_OFF)


def revalue(card: GiftCard, by: str, op: str, change_minor: int) -> CardStep:
    """Move value of the card for the redemption that has or had it, where it stands (P31, P32, P33).

    What moves none is posted beside the card, wherever it went since: a voucher, and what a dispute or a recycler
    gives, outlive the claim (P22, P29, P35).
    """
    if change_minor:
        refuse_other_claim(card, by)
    _refuse_more_than_there_is(card, -change_minor)
    return step(card, CardRevalued(card.id, by, op, change_minor, card.balance_minor + change_minor), change_minor)


def restore(card: GiftCard, by: str, amount_minor: int) -> CardStep:
    """Bring value back under a new code of the same card, for the old code is dead (OP-7, P34); amount 0 where it never
    left. The code is made when its owner first asks for it. A card that is frozen stays so (OP-8)."""
    refuse_other_claim(card, by)
    if amount_minor < 0:
        raise Defect(f"{amount_minor} fen come back to {card.id}")
    number, frozen = card.code_number + 1, card.standing is CardStanding.FROZEN
    if not frozen:
        refuse_unless(card, CardStanding.CLAIMED, CardStanding.WRITTEN_OFF)
    return step(
        card, CardRestored(card.id, by, amount_minor, card.balance_minor + amount_minor, number), amount_minor,
        standing=CardStanding.FROZEN if frozen else CardStanding.ACTIVE,
        frozen_from=CardStanding.ACTIVE if frozen else None, claimed_by="", code_number=number,
    )


def refuse_other_claim(card: GiftCard, by: str) -> None:
    """Only the redemption that has the card, or had it when it was written off, may do this (CARD_STATE)."""
    if card.claimed_by != by or not by:
        raise FailedPrecondition("CARD_STATE", f"{card.id} is not set aside for {by}")


def _refuse_more_than_there_is(card: GiftCard, amount_minor: int) -> None:
    """What came back to a card that is over is held: it goes into the wallet, and pays for nothing else (PM-3)."""
    if amount_minor > card.spendable_minor:
        raise FailedPrecondition(
            "INSUFFICIENT_CARD_VALUE", f"{amount_minor} fen of {card.spendable_minor} on {card.id}"
        )
