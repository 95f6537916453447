"""Voiding a card (作废): two people do it, once it is frozen, and a replacement card gets its value (OP-10)."""

from datetime import datetime
from typing import NamedTuple

from services.card_redemption.domain import books
from services.card_redemption.domain.cards.card import CardStep, GiftCard, refuse_held, refuse_unless, step
from services.card_redemption.domain.events import CardReplaced, CardVoided
from services.card_redemption.domain.states import CardStanding
from services.kernel.decision import Decision, Done, Event
from services.kernel.errors import FailedPrecondition, InvalidArgument
from services.kernel.journal import Unit, post
from services.kernel.people import same_person


class Pair(NamedTuple):
    """Who asks for it and who checked it."""

    maker: str
    checker: str


def void(card: GiftCard, replacement_id: str, pair: Pair, at: datetime) -> Decision:
    """Void a frozen card that no redemption has; its replacement, of the same owner, has what was on it."""
    if same_person(pair.maker, pair.checker):
        raise InvalidArgument("FOUR_EYES", "maker and checker are the same person")
    refuse_unless(card, CardStanding.FROZEN)
    refuse_held(card)
    if card.claimed_by:
        raise FailedPrecondition("CARD_STATE", f"{card.id} is set aside for {card.claimed_by}")
    amount_minor = card.balance_minor
    replacement_id = replacement_id if amount_minor else ""
    fact = CardVoided(card.id, replacement_id, amount_minor, pair.maker, pair.checker)
    after, event = step(
        card, fact, -amount_minor, standing=CardStanding.VOID, frozen_from=None, frozen_for="", handed_to=""
    )
    new = (replacement(replacement_id, card.customer_id, amount_minor, card.id, at),) if amount_minor else ()
    return Decision(
        Done(new[0].card if new else after), changes=(after, *(each.card for each in new)),
        journals=post("card_void", Unit.CNY, books.replaced(card.id, replacement_id, amount_minor)),
        events=(event, *(each.event for each in new)),
    )


def replacement(card_id: str, customer_id: str, amount_minor: int, replaces: str, at: datetime) -> CardStep:
    """The new card with the value of one that is void."""
    card = GiftCard(
        id=card_id, customer_id=customer_id, face_minor=amount_minor, balance_minor=amount_minor, issued_at=at,
        sequence=1,
    )
    return CardStep(card, Event(card_id, 1, CardReplaced(card_id, customer_id, amount_minor, replaces)))
