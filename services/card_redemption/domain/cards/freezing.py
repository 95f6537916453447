"""Freezing a card and lifting the freeze (风控冻结): it goes back to where it stood, for whom it was frozen."""

from services.card_redemption.domain.cards.card import CardStep, GiftCard, refuse_unless, step
from services.card_redemption.domain.events import CardFrozen, CardThawed
from services.card_redemption.domain.states import CardStanding
from services.kernel.errors import FailedPrecondition

FREEZABLE = (
    CardStanding.ISSUED, CardStanding.ACTIVE, CardStanding.CLAIMED, CardStanding.TRANSFER_PENDING,
)
"""What is not over can be frozen (2.9)."""


def freeze(card: GiftCard, case_id: str, *, settled: bool = False) -> CardStep:
    """Freeze a card for a case, without expiry (RD-22); `settled`: also one that the case's order has written off
    already, for its payout can still be stopped (OP-8)."""
    refuse_unless(card, *FREEZABLE, *((CardStanding.WRITTEN_OFF,) if settled else ()))
    fact = CardFrozen(card.id, case_id, card.standing.value)
    return step(card, fact, standing=CardStanding.FROZEN, frozen_from=card.standing, frozen_for=case_id)


def thaw(card: GiftCard, case_id: str) -> CardStep:
    """Let the card stand again where it stood; only the case that froze it may (CARD_STATE)."""
    refuse_unless(card, CardStanding.FROZEN)
    if card.frozen_for != case_id or card.frozen_from is None:
        raise FailedPrecondition("CARD_STATE", f"{card.id} is frozen for another case")
    fact = CardThawed(card.id, case_id, card.frozen_from.value)
    return step(card, fact, standing=card.frozen_from, frozen_from=None, frozen_for="")
