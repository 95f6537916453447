"""Closing a card (销卡): its value goes to its owner's wallet, in credit_ledger's book (OP-10, PM-3)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.card_redemption.domain import books
from services.card_redemption.domain.cards.card import CardStep, GiftCard, refuse_unless, step
from services.card_redemption.domain.events import CardClosed
from services.card_redemption.domain.states import CardStanding
from services.kernel.decision import Decision, Timer, Vector
from services.kernel.journal import Unit, post

CARD_CLOSE = "card_close"
"""The name of the saga, and the operation code of both its legs."""
SWEEP = "card_sweep"
"""Timer: value that came back to a card could not go to the wallet yet; it is looked at again."""
SWEPT_AGAIN = timedelta(days=1)
"""After which time that is done."""


@dataclass(frozen=True, slots=True)
class ClosePlan:
    """What goes from a card to whose wallet; what of it is held meanwhile, on a card that nothing else keeps for it."""

    card_id: str
    customer_id: str
    account_id: str
    amount_minor: int
    held_minor: int = 0

    @property
    def vector(self) -> Vector:
        """The money of the credit ledger's branch."""
        return (("WALLET", self.amount_minor),)


@dataclass(frozen=True, slots=True)
class CreditWallet:
    """To the credit ledger: what a card was worth goes into the wallet (OP-10, PM-3)."""

    plan: ClosePlan


def looked_at(card: GiftCard, at: datetime) -> Timer:
    """What sees to it that value on a card that is over, or may be, does not stay there (PM-3)."""
    return Timer(SWEEP, card.id, card.id, at)


def looked_at_again(card: GiftCard, now: datetime) -> Timer:
    """The same, after a while in which it may turn out otherwise."""
    return looked_at(card, now + SWEPT_AGAIN)


def close(card: GiftCard, saga_id: str, amount_minor: int, account_id: str) -> Decision:
    """The wallet has the value: it leaves the card over X.CLEARING; a card without value is closed as it is. One to
    which more came back meanwhile stays open, one that is frozen stays so; where it was not set aside for its closing,
    but over already, it stays as it is by now, and only the value goes."""
    closed = _after(card, saga_id, amount_minor, account_id)
    return Decision(
        changes=(closed.card,), events=(closed.event,),
        journals=post(CARD_CLOSE, Unit.CNY, books.closed(card.id, saga_id, amount_minor)),
    )


def _after(card: GiftCard, saga_id: str, amount_minor: int, account_id: str) -> CardStep:
    left_minor = card.balance_minor - amount_minor
    fact = CardClosed(card.id, saga_id, amount_minor, left_minor, account_id)
    if amount_minor and card.claimed_by != saga_id:
        return step(card, fact, -amount_minor)
    if not amount_minor:
        refuse_unless(card, CardStanding.ACTIVE)
    stands = CardStanding.ACTIVE if left_minor else CardStanding.CLOSED
    frozen = card.standing is CardStanding.FROZEN
    return step(
        card, fact, -amount_minor, standing=CardStanding.FROZEN if frozen else stands,
        frozen_from=stands if frozen else None, claimed_by="", handed_to="" if left_minor else account_id,
    )
