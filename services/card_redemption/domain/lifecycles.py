"""The life of a gift card as a table (DOMAIN 2.9): its state follows from its value, and nothing wakes it."""

from collections.abc import Iterator

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.states import CardState
from services.kernel.lifecycle import Flaw, Lifecycle, unless


def _flaws(card: GiftCard) -> Iterator[Flaw]:
    within = 0 <= card.held_minor <= card.balance_minor <= card.face_minor
    yield from unless(within, "balance_minor", f"held <= value <= {card.face_minor}",
                      f"{card.held_minor} held of {card.balance_minor}")


GIFT_CARD = Lifecycle(
    "gift card", GiftCard, CardState, lambda card: card.state,
    moves={
        (None, CardState.ACTIVE): "issue",
        (CardState.ACTIVE, CardState.PARTIALLY_USED): "an order takes a part",
        (CardState.ACTIVE, CardState.EXHAUSTED): "an order takes all",
        (CardState.PARTIALLY_USED, CardState.EXHAUSTED): "an order takes the rest",
        (CardState.PARTIALLY_USED, CardState.ACTIVE): "all is given back",
        (CardState.EXHAUSTED, CardState.PARTIALLY_USED): "a part is given back",
        (CardState.EXHAUSTED, CardState.ACTIVE): "all is given back",
    },
    woken={}, flaws=_flaws, derived=True,
)

LIFECYCLES = (GIFT_CARD,)
