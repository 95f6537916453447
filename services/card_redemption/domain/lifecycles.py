"""The life of a gift card as a table (DOMAIN 2.9): while it is active its state follows from its value."""

from collections.abc import Iterator

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.redeeming import FOREIGN
from services.card_redemption.domain.disputes.lifecycle import DISPUTE
from services.card_redemption.domain.redemption.lifecycle import REDEMPTION
from services.card_redemption.domain.states import CardStanding, CardState
from services.kernel.lifecycle import Flaw, Lifecycle, unless

_USABLE = (CardState.ACTIVE, CardState.PARTIALLY_USED, CardState.EXHAUSTED)
_CLAIMED = (CardStanding.CLAIMED, CardStanding.WRITTEN_OFF)
_HANDED = (CardStanding.TRANSFER_PENDING, CardStanding.CLOSED)


def _flaws(card: GiftCard) -> Iterator[Flaw]:
    within = 0 <= card.held_minor <= card.balance_minor <= card.face_minor
    yield from unless(within, "balance_minor", f"held <= value <= {card.face_minor}",
                      f"{card.held_minor} held of {card.balance_minor}")
    frozen, stands = card.standing is CardStanding.FROZEN, card.frozen_from or card.standing
    yield from unless(frozen is (card.frozen_from is not None), "frozen_from", f"set where FROZEN, {card.standing}",
                      card.frozen_from)
    yield from unless(frozen is bool(card.frozen_for), "frozen_for", f"set where FROZEN, {card.standing}",
                      card.frozen_for)
    yield from unless((stands in _CLAIMED) is bool(card.claimed_by), "claimed_by", f"set where {stands} says so",
                      card.claimed_by)
    yield from unless((stands in _HANDED) is bool(card.handed_to), "handed_to", f"set where {stands} says so",
                      card.handed_to)
    yield from unless(card.code_number >= 1, "code_number", "1 or more", card.code_number)
    yield from unless(bool(card.issuer) is card.id.startswith(FOREIGN), "issuer", f"set where {card.id} is foreign",
                      card.issuer)


GIFT_CARD = Lifecycle(
    "gift card", GiftCard, CardState, lambda card: card.state,
    moves={
        (None, CardState.ISSUED): "issue, to be activated",
        (None, CardState.ACTIVE): "issue",
        (None, CardState.CLAIMED): "another issuer's card is submitted for the first time (OP-5)",
        (CardState.ACTIVE, CardState.PARTIALLY_USED): "an order takes a part",
        (CardState.ACTIVE, CardState.EXHAUSTED): "an order takes all",
        (CardState.PARTIALLY_USED, CardState.EXHAUSTED): "an order takes the rest",
        (CardState.PARTIALLY_USED, CardState.ACTIVE): "all is given back",
        (CardState.EXHAUSTED, CardState.PARTIALLY_USED): "a part is given back",
        (CardState.EXHAUSTED, CardState.ACTIVE): "all is given back",
        (CardState.ISSUED, CardState.ACTIVE): "activate",
        **{(usable, CardState.CLAIMED): "a redemption or a closing claims it" for usable in _USABLE},
        **{(CardState.CLAIMED, usable): "the claim ends, or its value comes back (OP-7)" for usable in _USABLE},
        (CardState.CLAIMED, CardState.WRITTEN_OFF): "a redemption pays for it (P26)",
        (CardState.CLAIMED, CardState.CLOSED): "its value is in the wallet (OP-10)",
        **{(CardState.WRITTEN_OFF, usable): "fault reversal, under a new code (P34)" for usable in _USABLE},
        (CardState.ACTIVE, CardState.TRANSFER_PENDING): "transfer",
        (CardState.TRANSFER_PENDING, CardState.ACTIVE): "withdrawn, or the receiver activates it (RD-26)",
        **{(state, CardState.FROZEN): "freeze" for state in (
            CardState.ISSUED, *_USABLE, CardState.CLAIMED, CardState.TRANSFER_PENDING, CardState.WRITTEN_OFF
        )},
        **{(CardState.FROZEN, state): "thaw" for state in (
            CardState.ISSUED, *_USABLE, CardState.CLAIMED, CardState.TRANSFER_PENDING, CardState.WRITTEN_OFF
        )},
        (CardState.FROZEN, CardState.CLOSED): "thaw: its closing ended while it was frozen",
        (CardState.EXHAUSTED, CardState.CLOSED): "close, without value",
        (CardState.FROZEN, CardState.VOID): "void, by two people (OP-10)",
    },
    woken={}, flaws=_flaws, derived=True,
)

LIFECYCLES = (GIFT_CARD, REDEMPTION, DISPUTE)
