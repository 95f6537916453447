"""Before shipment and at it: a gift card's share of an order is deposited, returned or captured (P3, P4, P6)."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.domain import books
from services.card_redemption.domain.cards.card import GiftCard, stepped
from services.card_redemption.domain.cards.posting import at_most, effect_on, posted
from services.card_redemption.domain.cards.tender import CardTender
from services.card_redemption.domain.commands import CaptureDeposit, DepositCard, ReturnDeposit
from services.card_redemption.domain.events import CardDepositCaptured, CardDeposited, CardDepositReturned
from services.card_redemption.domain.merchants.share import MerchantShare, owing
from services.kernel.decision import Decision
from services.kernel.errors import FailedPrecondition, NotFound


def tender_for(card: GiftCard, tender: CardTender | None, body: DepositCard) -> CardTender:
    """The order's tender, a new one at its first deposit; another customer's card is as if unknown (CARD_NOT_FOUND)."""
    if card.customer_id != body.customer_id:
        raise NotFound("CARD_NOT_FOUND", f"there is no card {body.card_id}")
    tender = tender or CardTender(body.order_id, body.card_id, body.merchant_id)
    if (tender.card_id, tender.merchant_id) != (body.card_id, body.merchant_id):
        raise FailedPrecondition("CARD_STATE", f"{body.order_id} is paid by {tender.card_id} to {tender.merchant_id}")
    return tender


def deposit(card: GiftCard, tender: CardTender, body: DepositCard, at: datetime) -> Decision:
    """Take value of the card for the order; refused if it holds too little: INSUFFICIENT_CARD_VALUE (P3)."""
    at_most(body.amount_minor, card.spendable_minor, "INSUFFICIENT_CARD_VALUE")
    after = stepped(card, -body.amount_minor)
    return posted(
        card=after,
        tender=replace(tender, deposited_minor=tender.deposited_minor + body.amount_minor),
        effect=effect_on(after, body.order_id, "deposit", body.amount_minor, at),
        lines=books.deposited(card.id, body.order_id, body.amount_minor),
        event=CardDeposited(card.id, body.order_id, body.amount_minor, after.balance_minor),
    )


def give_back(card: GiftCard, tender: CardTender, body: ReturnDeposit, at: datetime) -> Decision:
    """Put an unshipped share back on the card, never more than stands (P6)."""
    at_most(body.amount_minor, tender.standing_minor, "AGREEMENT_STATE")
    after = stepped(card, body.amount_minor)
    return posted(
        card=after,
        tender=replace(tender, returned_minor=tender.returned_minor + body.amount_minor),
        effect=effect_on(after, body.order_id, "deposit_return", body.amount_minor, at),
        lines=books.deposit_returned(card.id, body.order_id, body.amount_minor),
        event=CardDepositReturned(card.id, body.order_id, body.amount_minor, after.balance_minor),
    )


def capture(
    card: GiftCard, tender: CardTender, share: MerchantShare, body: CaptureDeposit, at: datetime
) -> Decision:
    """Owe a shipped share to the merchant: a part of the deposit where only some lines ship (P4)."""
    at_most(body.amount_minor, tender.standing_minor, "AGREEMENT_STATE")
    after = stepped(card, 0)
    return posted(
        card=after,
        tender=replace(tender, captured_minor=tender.captured_minor + body.amount_minor),
        effect=effect_on(after, body.order_id, "capture", body.amount_minor, at),
        lines=books.captured(body.order_id, tender.merchant_id, body.amount_minor),
        event=CardDepositCaptured(card.id, body.order_id, body.amount_minor),
        owed=owing(share, body.amount_minor),
    )
