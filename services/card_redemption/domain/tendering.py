"""The five commands of an order's gift-card tender, each as TRY / CONFIRM / CANCEL or EXECUTE.

What takes value off the card (a deposit, a reversed refund) holds it between TRY and decision, so that no other order
spends it and CONFIRM cannot be refused; the other commands touch only what the tender itself has, and it is claimed.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from services.card_redemption.domain.card import CardTender, GiftCard
from services.card_redemption.domain.commands import (
    CaptureDeposit,
    DepositCard,
    RefundCard,
    ReturnDeposit,
    ReverseCardRefund,
)
from services.card_redemption.domain.facts import (
    CardDepositCaptured,
    CardDeposited,
    CardDepositReturned,
    CardEffect,
    CardRefunded,
    CardRefundReversed,
)
from services.card_redemption.domain.merchant import MERCHANT_PAYABLE, VECTOR_NAME, MerchantShare, owing
from services.kernel.decision import Decision, Done, Event, Known
from services.kernel.errors import Defect, FailedPrecondition, InvalidArgument, NotFound
from services.kernel.journal import Unit, post
from services.kernel.messages import Message, Op
from services.kernel.participant import take_part

CARD = "L.GIFTCARD"
DEPOSIT = "L.DEPOSIT"

Lines = tuple[tuple[str, str, int], ...]
B = TypeVar("B")


def deposit(known: Known, message: Message, now: datetime) -> Decision:
    """P3. Refused if the card is not the customer's (as if unknown), or holds too little (INSUFFICIENT_CARD_VALUE)."""
    body = _body(message, DepositCard)
    card = _card(known, body.card_id)
    if card.customer_id != body.customer_id:
        raise NotFound("CARD_NOT_FOUND", f"there is no card {body.card_id}")
    tender = known.find(CardTender, body.order_id) or CardTender(body.order_id, body.card_id, body.merchant_id)
    if (tender.card_id, tender.merchant_id) != (body.card_id, body.merchant_id):
        raise FailedPrecondition("CARD_STATE", f"{body.order_id} is paid by {tender.card_id} to {tender.merchant_id}")

    def execute(free: GiftCard, claim: CardTender, at: datetime) -> Decision:
        _at_most(body.amount_minor, free.spendable_minor, "INSUFFICIENT_CARD_VALUE")
        taken = replace(claim, deposited_minor=claim.deposited_minor + body.amount_minor)
        left = free.balance_minor - body.amount_minor
        lines = ((CARD, free.id, body.amount_minor), (DEPOSIT, body.order_id, -body.amount_minor))
        event = CardDeposited(free.id, body.order_id, body.amount_minor, left)
        return _posted(free, taken, "deposit", lines, event, at, body.amount_minor, left)

    return _spend(card, tender, message, now, body.amount_minor, execute)


def return_deposit(known: Known, message: Message, now: datetime) -> Decision:
    """P6. Never more than stands."""
    body = _body(message, ReturnDeposit)
    card, tender = _card(known, body.card_id), _tender(known, body.order_id, body.card_id)

    def execute(claim: CardTender, at: datetime) -> Decision:
        _at_most(body.amount_minor, claim.standing_minor, "AGREEMENT_STATE")
        given = replace(claim, returned_minor=claim.returned_minor + body.amount_minor)
        left = card.balance_minor + body.amount_minor
        lines = ((DEPOSIT, body.order_id, body.amount_minor), (CARD, card.id, -body.amount_minor))
        event = CardDepositReturned(card.id, body.order_id, body.amount_minor, left)
        return _posted(card, given, "deposit_return", lines, event, at, body.amount_minor, left)

    return take_part(tender, message, now, execute)


def capture_deposit(known: Known, message: Message, now: datetime) -> Decision:
    """P4, the gift-card share; a part of the deposit where only some lines ship."""
    body = _body(message, CaptureDeposit)
    card, tender = _card(known, body.card_id), _tender(known, body.order_id, body.card_id)

    def execute(claim: CardTender, at: datetime) -> Decision:
        _at_most(body.amount_minor, claim.standing_minor, "AGREEMENT_STATE")
        captured = replace(claim, captured_minor=claim.captured_minor + body.amount_minor)
        lines = ((DEPOSIT, body.order_id, body.amount_minor), (MERCHANT_PAYABLE, claim.merchant_id, -body.amount_minor))
        event = CardDepositCaptured(card.id, body.order_id, body.amount_minor)
        owed = owing(known, claim.merchant_id, card.id, body.amount_minor)
        return _posted(card, captured, "capture", lines, event, at, body.amount_minor, card.balance_minor, owed=owed)

    return take_part(tender, message, now, execute)


def refund(known: Known, message: Message, now: datetime) -> Decision:
    """P12, the gift-card share; the sum of refunds never exceeds what was captured (PR-5).

    Beside a credit share that waits for the flash network it is posted as accepted (P21).
    """
    body = _body(message, RefundCard)
    card, tender = _card(known, body.card_id), _tender(known, body.order_id, body.card_id)

    def execute(claim: CardTender, at: datetime) -> Decision:
        _at_most(body.amount_minor, claim.captured_minor - claim.refunded_minor, "REFUND_EXCEEDS_REMAINING")
        if body.refund_id in dict(claim.refunds):
            raise FailedPrecondition("CARD_STATE", f"{body.refund_id} was given already")
        refunded = replace(claim, refunds=(*claim.refunds, (body.refund_id, body.amount_minor)))
        left = card.balance_minor + body.amount_minor
        lines = ((MERCHANT_PAYABLE, claim.merchant_id, body.amount_minor), (CARD, card.id, -body.amount_minor))
        event = CardRefunded(card.id, body.order_id, body.refund_id, body.amount_minor, left)
        op = "refund_accept" if body.awaits_network else "refund"
        owed = owing(known, claim.merchant_id, card.id, -body.amount_minor)
        return _posted(card, refunded, op, lines, event, at, body.amount_minor, left, body.refund_id, owed)

    return take_part(tender, message, now, execute)


def reverse_refund(known: Known, message: Message, now: datetime) -> Decision:
    """P24, the gift-card share: the exact negation; refused if the refunded value was spent meanwhile."""
    body = _body(message, ReverseCardRefund)
    card, tender = _card(known, body.card_id), _tender(known, body.order_id, body.card_id)

    def execute(free: GiftCard, claim: CardTender, at: datetime) -> Decision:
        amount = dict(claim.refunds).get(body.refund_id)
        if amount is None or amount != body.amount_minor:
            raise FailedPrecondition("NO_REFUND_TO_REVERSE", f"{body.refund_id} did not refund {body.amount_minor} fen")
        _at_most(amount, free.spendable_minor, "INSUFFICIENT_CARD_VALUE")
        undone = replace(claim, refunds=tuple(each for each in claim.refunds if each[0] != body.refund_id))
        left = free.balance_minor - amount
        lines = ((MERCHANT_PAYABLE, claim.merchant_id, -amount), (CARD, free.id, amount))
        event = CardRefundReversed(free.id, body.order_id, body.refund_id, amount, left)
        owed = owing(known, claim.merchant_id, free.id, amount)
        return _posted(free, undone, "refund_reverse", lines, event, at, amount, left, body.refund_id, owed)

    return _spend(card, tender, message, now, body.amount_minor, execute)


def _spend(
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


def _posted(
    card: GiftCard, tender: CardTender, op: str, lines: Lines, event: object, at: datetime, amount_minor: int,
    balance_minor: int, refund_id: str = "", owed: MerchantShare | None = None,
) -> Decision:
    after = replace(card, balance_minor=balance_minor, version=card.version + 1, sequence=card.sequence + 1)
    effect = CardEffect(
        op, card.id, tender.order_id, after.version, amount_minor, balance_minor, after.state, at, refund_id
    )
    changes = (after, replace(tender, version=tender.version + 1))
    return Decision(
        Done(effect, ((VECTOR_NAME, amount_minor),)), changes=changes if owed is None else (*changes, owed),
        journals=post(op, Unit.CNY, lines, tender.order_id), events=(Event(card.id, after.sequence, event),),
    )


def _at_most(amount_minor: int, most_minor: int, reason: str) -> None:
    if amount_minor <= 0:
        raise InvalidArgument("INVALID_AMOUNT", "the amount must be above 0")
    if amount_minor > most_minor:
        raise FailedPrecondition(reason, f"{amount_minor} fen asked for, at most {most_minor} are there")


def _body(message: Message, kind: type[B]) -> B:
    if not isinstance(message.body, kind):
        raise Defect(f"{message.id} is no {kind.__name__}")
    return message.body


def _card(known: Known, card_id: str) -> GiftCard:
    card = known.find(GiftCard, card_id)
    if card is None:
        raise NotFound("CARD_NOT_FOUND", f"there is no card {card_id}")
    return card


def _tender(known: Known, order_id: str, card_id: str) -> CardTender:
    tender = known.find(CardTender, order_id)
    if tender is None or tender.card_id != card_id:
        raise NotFound("CARD_NOT_FOUND", f"{order_id} took nothing of {card_id}")
    return tender
