"""What all commands of an order's gift-card tender have in common: what they read, hold, refuse and post."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.tender import CardRefund, CardTender
from services.card_redemption.domain.effects import CardEffect
from services.card_redemption.domain.merchants.share import VECTOR_NAME, MerchantShare
from services.kernel.decision import Decision, Done, Event, Known
from services.kernel.errors import Defect, FailedPrecondition, InvalidArgument, NotFound
from services.kernel.journal import Unit, post
from services.kernel.messages import Message, Op
from services.kernel.participant import take_part

CARD = "L.GIFTCARD"
_NO_REFUND = CardRefund("", 0)

Lines = tuple[tuple[str, str, int], ...]
B = TypeVar("B")


def spend(
    card: GiftCard, tender: CardTender, message: Message, now: datetime, amount_minor: int,
    execute: Callable[[GiftCard, CardTender, datetime], Decision],
) -> Decision:
    """Take part with value that leaves the card: TRY holds it, CONFIRM takes it, CANCEL lets it go."""
    saga = message.saga
    mine = saga is not None and tender.pending is not None and tender.pending.saga_id == saga.saga_id
    free = replace(card, held_minor=card.held_minor - amount_minor) if mine else card
    decision = take_part(tender, message, now, lambda claim, at: execute(free, claim, at))
    if saga is None or saga.op in (Op.EXECUTE, Op.CONFIRM) or not isinstance(decision.outcome, Done):
        return decision
    held = amount_minor if saga.op is Op.TRY else 0
    return replace(decision, changes=(*decision.changes, replace(free, held_minor=free.held_minor + held)))


def posted(
    card: GiftCard, tender: CardTender, op: str, lines: Lines, event: object, at: datetime, amount_minor: int,
    balance_minor: int, given: CardRefund = _NO_REFUND, owed: MerchantShare | None = None,
) -> Decision:
    """The card and its tender after one command, with its journal, effect and event; `owed` is the merchant's share."""
    after = replace(card, balance_minor=balance_minor, version=card.version + 1, sequence=card.sequence + 1)
    effect = CardEffect(
        op, card.id, tender.order_id, after.version, amount_minor, balance_minor, after.state, at, given.refund_id,
        given.uncovered_minor,
    )
    changes = (after, replace(tender, version=tender.version + 1))
    return Decision(
        Done(effect, ((VECTOR_NAME, amount_minor),)), changes=changes if owed is None else (*changes, owed),
        journals=post(op, Unit.CNY, lines, tender.order_id), events=(Event(card.id, after.sequence, event),),
    )


def at_most(amount_minor: int, most_minor: int, reason: str) -> None:
    """Refuse what is not above 0 (INVALID_AMOUNT), or more than there is (the given reason)."""
    if amount_minor <= 0:
        raise InvalidArgument("INVALID_AMOUNT", "the amount must be above 0")
    if amount_minor > most_minor:
        raise FailedPrecondition(reason, f"{amount_minor} fen asked for, at most {most_minor} are there")


def body_of(message: Message, kind: type[B]) -> B:
    """The command, of the type that its rule is for."""
    if not isinstance(message.body, kind):
        raise Defect(f"{message.id} is no {kind.__name__}")
    return message.body


def card_of(known: Known, card_id: str) -> GiftCard:
    """The card; CARD_NOT_FOUND if there is none."""
    card = known.find(GiftCard, card_id)
    if card is None:
        raise NotFound("CARD_NOT_FOUND", f"there is no card {card_id}")
    return card


def tender_of(known: Known, order_id: str, card_id: str) -> CardTender:
    """What an order took of a card; CARD_NOT_FOUND if that is nothing."""
    tender = known.find(CardTender, order_id)
    if tender is None or tender.card_id != card_id:
        raise NotFound("CARD_NOT_FOUND", f"{order_id} took nothing of {card_id}")
    return tender
