"""Putting a card on the books."""

from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.posting import CARD
from services.card_redemption.domain.commands import IssueCard
from services.card_redemption.domain.events import CardIssued
from services.kernel.decision import Decision, Done, Event, Known
from services.kernel.errors import AlreadyExists, Defect, InvalidArgument
from services.kernel.journal import Unit, post
from services.kernel.messages import Message

OPENING = "X.OPENING"
"""The contra account of cards that were sold outside this engine; an account of our own, beside DOMAIN 3.1."""


def issue(known: Known, message: Message, now: datetime) -> Decision:
    """A new card with its whole face on it; refused if the id is taken (CARD_EXISTS)."""
    body = message.body
    if not isinstance(body, IssueCard):
        raise Defect(f"{message.id} issues no card")
    if body.face_minor <= 0:
        raise InvalidArgument("INVALID_AMOUNT", "the face must be above 0")
    if known.find(GiftCard, body.card_id) is not None:
        raise AlreadyExists("CARD_EXISTS", f"the id {body.card_id} is taken")
    card = GiftCard(body.card_id, body.customer_id, body.face_minor, body.face_minor, now, sequence=1)
    lines = ((OPENING, card.id, card.face_minor), (CARD, card.id, -card.face_minor))
    return Decision(
        Done(card), changes=(card,), journals=post("card_issue", Unit.CNY, lines),
        events=(Event(card.id, 1, CardIssued(card.id, card.customer_id, card.face_minor)),),
    )
