"""Putting a card on the books, and activating one that was issued inactive."""

from datetime import datetime

from services.card_redemption.domain import books
from services.card_redemption.domain.cards.card import CardStep, GiftCard, refuse_unless, step
from services.card_redemption.domain.commands import IssueCard
from services.card_redemption.domain.events import CardActivated, CardIssued
from services.card_redemption.domain.states import CardStanding
from services.kernel.decision import Decision, Done, Event
from services.kernel.errors import InvalidArgument
from services.kernel.journal import Unit, post
from services.kernel.money import amount


def issue(body: IssueCard, at: datetime) -> Decision:
    """A new card with its whole face on it; one that is issued inactive waits for its owner and its code."""
    if amount(body.face_minor, "a face") <= 0:
        raise InvalidArgument("INVALID_AMOUNT", "the face must be above 0")
    card = GiftCard(
        id=body.card_id, customer_id=body.customer_id, face_minor=body.face_minor, balance_minor=body.face_minor,
        issued_at=at, sequence=1, standing=CardStanding.ISSUED if body.inactive else CardStanding.ACTIVE,
        purchaser_id=body.purchaser_id, purchase=body.purchase,
    )
    fact = CardIssued(
        card_id=card.id, customer_id=card.customer_id, face_minor=card.face_minor, inactive=body.inactive,
        purchaser_id=card.purchaser_id, purchase=card.purchase,
    )
    return Decision(
        Done(card), changes=(card,),
        journals=post("card_issue", Unit.CNY, books.issued(card.id, card.face_minor)),
        events=(Event(card.id, card.sequence, fact),),
    )


def activate(card: GiftCard) -> CardStep:
    """Its owner can use it from now on."""
    refuse_unless(card, CardStanding.ISSUED)
    return step(card, CardActivated(card.id, card.customer_id), standing=CardStanding.ACTIVE)
