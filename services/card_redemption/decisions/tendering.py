"""Before shipment and at it: a gift card's share of an order is deposited, returned or captured (P3, P4, P6)."""

from collections.abc import Callable
from datetime import datetime

from services.card_redemption.decisions.closing import followed
from services.card_redemption.decisions.rows import card_of, share_of, tender_of
from services.card_redemption.domain.cards import deposits
from services.card_redemption.domain.cards.card import GiftCard, holding, refuse_unless
from services.card_redemption.domain.cards.tender import CardTender
from services.card_redemption.domain.commands import CaptureDeposit, DepositCard, ReturnDeposit
from services.card_redemption.domain.merchants.share import must_hold
from services.card_redemption.domain.states import CardStanding
from services.kernel.decision import Decision, Known
from services.kernel.messages import Message
from services.kernel.participant import claimed_by, refusable, take_part


def deposit(known: Known, body: DepositCard, message: Message, now: datetime) -> Decision:
    """Take value of a card for an order (P3); only an active card gives any (CARD_STATE)."""
    card = card_of(known, body.card_id)
    tender = deposits.tender_for(card, known.find(CardTender, body.order_id), body)
    if refusable(message):
        refuse_unless(card, CardStanding.ACTIVE)

    def execute(free: GiftCard, claim: CardTender, at: datetime) -> Decision:
        return deposits.deposit(free, claim, body, at)

    return spend(
        card=card, tender=tender, amount_minor=body.amount_minor, message=message, now=now, execute=execute
    )


def return_deposit(known: Known, body: ReturnDeposit, message: Message, now: datetime) -> Decision:
    """Put an unshipped share back on the card (P6)."""
    card, tender = card_of(known, body.card_id), tender_of(known, body.order_id, body.card_id)

    def execute(claim: CardTender, at: datetime) -> Decision:
        return followed(card, deposits.give_back(card, claim, body, at), body.amount_minor, message, now)

    return take_part(tender, message, now, execute)


def capture_deposit(known: Known, body: CaptureDeposit, message: Message, now: datetime) -> Decision:
    """Owe a shipped share to the merchant (P4)."""
    card, tender = card_of(known, body.card_id), tender_of(known, body.order_id, body.card_id)
    share = share_of(known, tender.merchant_id, card.id)
    if refusable(message):
        must_hold(share, body.amount_minor)

    def execute(claim: CardTender, at: datetime) -> Decision:
        return deposits.capture(card, claim, share, body, at)

    return take_part(tender, message, now, execute)


def spend(
    card: GiftCard, tender: CardTender, amount_minor: int, message: Message, now: datetime,
    execute: Callable[[GiftCard, CardTender, datetime], Decision],
) -> Decision:
    """Take part with value that leaves the card: TRY holds it, CONFIRM takes it, CANCEL lets it go."""
    free = holding(card, -amount_minor) if claimed_by(tender, message) else card
    return take_part(
        tender, message, now,
        execute=lambda claim, at: execute(free, claim, at),
        keep=lambda claimed: (claimed, holding(free, amount_minor)),
        let_go=lambda freed: (freed, free),
    )
