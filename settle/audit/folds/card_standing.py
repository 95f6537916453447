"""What was done with a gift card beside spending it, decided again: a fact is a move of the domain (DOMAIN 2.9)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from services.card_redemption.domain import events
from services.card_redemption.domain.cards import closing, freezing, issuing, redeeming, transfers, voiding
from services.card_redemption.domain.cards.card import CardStep, GiftCard, step
from services.card_redemption.domain.redemption.freezing import CASE
from services.kernel.decision import Decision

BEGINNING: Mapping[type, Callable[[Any, datetime], CardStep]] = {  # Any: a fact of the type, here and below
    events.CardRegistered: lambda fact, at: redeeming.register(
        fact.card_id.removeprefix(redeeming.FOREIGN), fact.customer_id, fact.issuer, at
    ),
    events.CardReplaced: lambda fact, at: voiding.replacement(
        fact.card_id, fact.customer_id, fact.face_minor, fact.replaces, at
    ),
}
"""The facts with which a card begins that was not issued."""


def _freeze_of(case_id: str) -> Callable[[GiftCard, str], CardStep]:
    """An operator's case freezes a card alone, a redemption's with its order."""
    return freezing.freeze_with_order if case_id.startswith(f"{CASE}/") else freezing.freeze


_MOVES: Mapping[type, Callable[[GiftCard, Any], CardStep]] = {
    events.CardActivated: lambda card, fact: issuing.activate(card),
    events.CardClaimed: lambda card, fact: redeeming.claim(card, fact.claimed_by, fact.customer_id),
    events.CardReleased: lambda card, fact: redeeming.unclaim(card, fact.claimed_by),
    events.CardWrittenOff: lambda card, fact: redeeming.write_off(card, fact.claimed_by, fact.amount_minor),
    events.CardRevalued: lambda card, fact: redeeming.revalue(card, fact.claimed_by, fact.op, fact.amount_minor),
    events.CardRestored: lambda card, fact: redeeming.restore(card, fact.claimed_by, fact.amount_minor),
    events.CardFrozen: lambda card, fact: _freeze_of(fact.case_id)(card, fact.case_id),
    events.CardThawed: lambda card, fact: freezing.thaw(card, fact.case_id),
    events.CardTransferOffered: lambda card, fact: transfers.offer(card, fact.receiver_id),
    events.CardTransferWithdrawn: lambda card, fact: transfers.withdraw(card),
    events.CardTransferred: lambda card, fact: transfers.activate_transfer(card),
    events.CardCodeRevealed: lambda card, fact: step(
        card, events.CardCodeRevealed(card.id, card.code_number, fact.operator_id)
    ),
}
_POSTING: Mapping[type, Callable[[GiftCard, Any, datetime], Decision]] = {
    events.CardVoided: lambda card, fact, at: voiding.void(
        card, fact.replacement_id, voiding.Pair(fact.maker, fact.checker), at
    ),
    events.CardClosed: lambda card, fact, at: closing.close(card, fact.claimed_by, fact.amount_minor, fact.account_id),
}
STANDING = frozenset({*BEGINNING, *_MOVES, *_POSTING})
"""The facts that are decided here."""
OF_REDEMPTIONS = frozenset({events.CardWrittenOff, events.CardRevalued, events.CardRestored})
"""Those whose journals are a redemption's: its own fold has them."""


def moved(card: GiftCard | None, fact: Any, at: datetime) -> Decision:
    """The card after this fact, with the event and the journal that it should have."""
    kind = type(fact)
    if kind in BEGINNING:
        return _decided(BEGINNING[kind](fact, at))
    assert card is not None
    return _POSTING[kind](card, fact, at) if kind in _POSTING else _decided(_MOVES[kind](card, fact))


def _decided(moved_: CardStep) -> Decision:
    return Decision(changes=(moved_.card,), events=(moved_.event,))
