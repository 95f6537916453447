"""Putting a card on the books."""

from datetime import datetime

from services.card_redemption.domain.cards import issuing
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.commands import IssueCard
from services.kernel.decision import Decision, Known
from services.kernel.errors import AlreadyExists
from services.kernel.messages import Message


def issue(known: Known, body: IssueCard, message: Message, now: datetime) -> Decision:
    """Issue a card; refused if the id is taken (CARD_EXISTS)."""
    issued = issuing.issue(body, now)
    if known.find(GiftCard, body.card_id) is not None:
        raise AlreadyExists("CARD_EXISTS", f"the id {body.card_id} is taken")
    return issued
