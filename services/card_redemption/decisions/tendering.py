"""Before shipment and at it: a gift card's share of an order is deposited, returned or captured (P3, P4, P6)."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.posting import CARD, at_most, body_of, card_of, posted, spend, tender_of
from services.card_redemption.domain.cards.tender import CardTender
from services.card_redemption.domain.commands import CaptureDeposit, DepositCard, ReturnDeposit
from services.card_redemption.domain.events import CardDepositCaptured, CardDeposited, CardDepositReturned
from services.card_redemption.domain.merchants.share import MERCHANT_PAYABLE, owing, share_of
from services.kernel.decision import Decision, Known
from services.kernel.errors import FailedPrecondition, NotFound
from services.kernel.messages import Message
from services.kernel.participant import take_part

DEPOSIT = "L.DEPOSIT"


def deposit(known: Known, message: Message, now: datetime) -> Decision:
    """P3. Refused if the card is not the customer's (as if unknown), or holds too little (INSUFFICIENT_CARD_VALUE)."""
    body = body_of(message, DepositCard)
    card = card_of(known, body.card_id)
    if card.customer_id != body.customer_id:
        raise NotFound("CARD_NOT_FOUND", f"there is no card {body.card_id}")
    tender = known.find(CardTender, body.order_id) or CardTender(body.order_id, body.card_id, body.merchant_id)
    if (tender.card_id, tender.merchant_id) != (body.card_id, body.merchant_id):
        raise FailedPrecondition("CARD_STATE", f"{body.order_id} is paid by {tender.card_id} to {tender.merchant_id}")

    def execute(free: GiftCard, claim: CardTender, at: datetime) -> Decision:
        at_most(body.amount_minor, free.spendable_minor, "INSUFFICIENT_CARD_VALUE")
        taken = replace(claim, deposited_minor=claim.deposited_minor + body.amount_minor)
        left = free.balance_minor - body.amount_minor
        lines = ((CARD, free.id, body.amount_minor), (DEPOSIT, body.order_id, -body.amount_minor))
        event = CardDeposited(free.id, body.order_id, body.amount_minor, left)
        return posted(free, taken, "deposit", lines, event, at, body.amount_minor, left)

    return spend(card, tender, message, now, body.amount_minor, execute)


def return_deposit(known: Known, message: Message, now: datetime) -> Decision:
    """P6. Never more than stands."""
    body = body_of(message, ReturnDeposit)
    card, tender = card_of(known, body.card_id), tender_of(known, body.order_id, body.card_id)

    def execute(claim: CardTender, at: datetime) -> Decision:
        at_most(body.amount_minor, claim.standing_minor, "AGREEMENT_STATE")
        given = replace(claim, returned_minor=claim.returned_minor + body.amount_minor)
        left = card.balance_minor + body.amount_minor
        lines = ((DEPOSIT, body.order_id, body.amount_minor), (CARD, card.id, -body.amount_minor))
        event = CardDepositReturned(card.id, body.order_id, body.amount_minor, left)
        return posted(card, given, "deposit_return", lines, event, at, body.amount_minor, left)

    return take_part(tender, message, now, execute)


def capture_deposit(known: Known, message: Message, now: datetime) -> Decision:
    """P4, the gift-card share; a part of the deposit where only some lines ship."""
    body = body_of(message, CaptureDeposit)
    card, tender = card_of(known, body.card_id), tender_of(known, body.order_id, body.card_id)

    def execute(claim: CardTender, at: datetime) -> Decision:
        at_most(body.amount_minor, claim.standing_minor, "AGREEMENT_STATE")
        captured = replace(claim, captured_minor=claim.captured_minor + body.amount_minor)
        lines = ((DEPOSIT, body.order_id, body.amount_minor), (MERCHANT_PAYABLE, claim.merchant_id, -body.amount_minor))
        event = CardDepositCaptured(card.id, body.order_id, body.amount_minor)
        owed = owing(share_of(known, claim.merchant_id, card.id), body.amount_minor)
        return posted(card, captured, "capture", lines, event, at, body.amount_minor, card.balance_minor, owed=owed)

    return take_part(tender, message, now, execute)
