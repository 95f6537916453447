"""Putting a card on the books."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.domain.cards import issuing
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.codes import CardCode
from services.card_redemption.domain.commands import IssueCard
from services.kernel.decision import Decision, Known
from services.kernel.errors import AlreadyExists
from services.kernel.messages import Message


def issue(known: Known, body: IssueCard, message: Message, now: datetime) -> Decision:
    """Issue a card; refused if the id is taken (CARD_EXISTS), or the code that is given (CODE_TAKEN)."""
    issued = issuing.issue(body, now)
    if known.find(GiftCard, body.card_id) is not None:
        raise AlreadyExists("CARD_EXISTS", f"the id {body.card_id} is taken")
    if body.code is None:
        return issued
    if known.find(CardCode, body.code.blind_index) is not None:
        raise AlreadyExists("CODE_TAKEN", "another card has this code")
    (card,) = issued.changes
    assert isinstance(card, GiftCard)
    return replace(issued, changes=(card, body.code.of(card.id, card.code_number)))
