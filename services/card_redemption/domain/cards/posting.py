"""What all commands of an order's gift-card tender have in common: what they refuse, answer and post."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.domain.books import Lines
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.tender import CardRefund, CardTender
from services.card_redemption.domain.effects import CardEffect, moved
from services.card_redemption.domain.merchants.share import MerchantShare
from services.kernel.decision import Decision, Done, Event
from services.kernel.errors import FailedPrecondition, InvalidArgument
from services.kernel.journal import Unit, post
from services.kernel.money import amount

_NO_REFUND = CardRefund("", 0)


def at_most(amount_minor: int, most_minor: int, reason: str) -> None:
    """Refuse what is not above 0 (INVALID_AMOUNT), or more than there is (the given reason)."""
    if amount(amount_minor) <= 0:
        raise InvalidArgument("INVALID_AMOUNT", "the amount must be above 0")
    if amount_minor > most_minor:
        raise FailedPrecondition(reason, f"{amount_minor} fen asked for, at most {most_minor} are there")


def posted(
    card: GiftCard, tender: CardTender, effect: CardEffect, lines: Lines, event: object,
    owed: MerchantShare | None = None,
) -> Decision:
    """The card and its tender after one command, with its journal, effect and event; `owed` is the merchant's share."""
    changes = (card, replace(tender, version=tender.version + 1))
    return Decision(
        Done(effect, moved(effect.amount_minor)), changes=changes if owed is None else (*changes, owed),
        journals=post(effect.op, Unit.CNY, lines, tender.order_id), events=(Event(card.id, card.sequence, event),),
    )


def effect_on(
    card: GiftCard, order_id: str, op: str, amount_minor: int, at: datetime, given: CardRefund = _NO_REFUND
) -> CardEffect:
    """What a command did to the card, which is given as it is afterwards."""
    return CardEffect(
        op=op, card_id=card.id, order_id=order_id, card_version=card.version, amount_minor=amount_minor,
        balance_minor=card.balance_minor, state=card.state, posted_at=at, refund_id=given.refund_id,
        uncovered_minor=given.uncovered_minor,
    )
