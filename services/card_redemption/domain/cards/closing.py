"""Closing a card (销卡): its value goes to its owner's wallet, in credit_ledger's book (OP-10, PM-3)."""

from services.card_redemption.domain import books
from services.card_redemption.domain.cards.card import CardStep, GiftCard, step
from services.card_redemption.domain.cards.redeeming import refuse_other_claim
from services.card_redemption.domain.events import CardClosed
from services.card_redemption.domain.states import CardStanding
from services.kernel.decision import Decision
from services.kernel.journal import Unit, post


def close(card: GiftCard, saga_id: str, amount_minor: int, account_id: str) -> Decision:
    """The wallet has the value: it leaves the card over X.CLEARING. One to which more came back meanwhile stays open;
    one that is over already stays as it is, and only the value goes."""
    closed = _after(card, saga_id, amount_minor, account_id)
    return Decision(
        changes=(closed.card,), events=(closed.event,),
        journals=post("card_close", Unit.CNY, books.closed(card.id, saga_id, amount_minor)),
    )


def _after(card: GiftCard, saga_id: str, amount_minor: int, account_id: str) -> CardStep:
    left_minor = card.balance_minor - amount_minor
    fact = CardClosed(card.id, saga_id, amount_minor, left_minor, account_id)
    if card.over:
        return step(card, fact, -amount_minor)
    refuse_other_claim(card, saga_id)
    if left_minor:
        return step(card, fact, -amount_minor, standing=CardStanding.ACTIVE, claimed_by="")
    return step(card, fact, -amount_minor, standing=CardStanding.CLOSED, claimed_by="", handed_to=account_id)
