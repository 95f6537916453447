"""Freezing a card and lifting the freeze (风控冻结): it goes back to where it stood, for whom it was frozen."""

from services.card_redemption.domain.cards.card import CardStep, GiftCard, refuse_unless, step
from services.card_redemption.domain.events import CardFrozen, CardThawed
from services.card_redemption.domain.states import CardStanding
from services.kernel.errors import FailedPrecondition

FREEZABLE = (
    CardStanding.ISSUED, CardStanding.ACTIVE, CardStanding.CLAIMED, CardStanding.TRANSFER_PENDING,
)
"""What is not over can be frozen (2.9)."""


def freeze(card: GiftCard, case_id: str) -> CardStep:
    """Freeze a card for a case, without expiry (RD-22)."""
    refuse_unless(card, *FREEZABLE)
    return _frozen(card, case_id, card.standing)


def freeze_with_order(card: GiftCard, case_id: str) -> CardStep:
    """Freeze a card with its redemption: also one that this has written off already, for its payout can still be
    stopped (OP-8), and one that an operator froze: now only the case of the redemption lifts that (D94)."""
    refuse_unless(card, *FREEZABLE, CardStanding.WRITTEN_OFF, CardStanding.FROZEN)
    return _frozen(card, case_id, card.frozen_from or card.standing)


def _frozen(card: GiftCard, case_id: str, stood: CardStanding) -> CardStep:
    fact = CardFrozen(card.id, case_id, stood.value)
    return step(card, fact, standing=CardStanding.FROZEN, frozen_from=stood, frozen_for=case_id)


def thaw(card: GiftCard, case_id: str) -> CardStep:
    """Let the card stand again where it stood; only the case that froze it may (CARD_STATE)."""
    refuse_unless(card, CardStanding.FROZEN)
    if card.frozen_for != case_id or card.frozen_from is None:
        raise FailedPrecondition("CARD_STATE", f"{card.id} is frozen for another case")
    fact = CardThawed(card.id, case_id, card.frozen_from.value)
    return step(card, fact, standing=card.frozen_from, frozen_from=None, frozen_for="")
