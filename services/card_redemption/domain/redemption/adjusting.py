"""What a dispute gives the customer back: an adjustment, into the wallet, at our cost (P22, OP-14)."""

from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption import books
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.states import Step
from services.card_redemption.domain.redemption.stepping import Stepped, stepped


def adjusting(order: RedemptionOrder, card: GiftCard, saga_id: str, now: datetime) -> Stepped:
    """The credit ledger is asked to put it into the wallet."""
    return stepped(order, card, now, Step.ADJUSTING, settlement_id=saga_id)


def adjusted(order: RedemptionOrder, card: GiftCard, saga_id: str, amount_minor: int, now: datetime) -> Stepped:
    """Both books have it."""
    return stepped(
        order, card, now, Step.ADJUSTED, op="manual_adjust", settlement_id="", reason="",
        lines=books.adjusted(order, saga_id, amount_minor), adjusted_minor=order.adjusted_minor + amount_minor,
    )


def adjustment_refused(order: RedemptionOrder, card: GiftCard, now: datetime, reason: str) -> Stepped:
    """Neither book has it."""
    return stepped(order, card, now, Step.ADJUSTMENT_REFUSED, settlement_id="", reason=reason)
