"""What a recycler keeps and pays of what it owes for a card (P29)."""

from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption import books
from services.card_redemption.domain.redemption.order import RedemptionOrder, refuse_while_settling
from services.card_redemption.domain.redemption.states import PAYABLE, Step
from services.card_redemption.domain.redemption.stepping import Stepped, stepped
from services.kernel.errors import FailedPrecondition, InvalidArgument
from services.kernel.money import amount


def must_owe(order: RedemptionOrder, amount_minor: int) -> None:
    """Only for a settled card a recycler owes something."""
    refuse_while_settling(order)
    if amount(amount_minor) <= 0:
        raise InvalidArgument("INVALID_AMOUNT", "the amount must be above 0")
    if not order.by_recycler or order.state not in PAYABLE:
        raise FailedPrecondition("REDEMPTION_STATE", f"no recycler owes anything for {order.id}")


def fee_kept(order: RedemptionOrder, card: GiftCard, amount_minor: int, now: datetime) -> Stepped:
    """The recycler keeps a fee."""
    must_owe(order, amount_minor)
    return stepped(
        order, card, now, Step.CHANNEL_FEE, op="channel_fee", lines=books.channel_fee(order, amount_minor),
        channel_fee_minor=order.channel_fee_minor + amount_minor,
    )


def remitting(order: RedemptionOrder, card: GiftCard, saga_id: str, now: datetime) -> Stepped:
    """The credit ledger is asked to take it in."""
    return stepped(order, card, now, Step.REMITTING, settlement_id=saga_id)


def remitted(order: RedemptionOrder, card: GiftCard, saga_id: str, amount_minor: int, now: datetime) -> Stepped:
    """It has paid."""
    return stepped(
        order, card, now, Step.REMITTED, op="channel_remit", settlement_id="",
        lines=books.remitted(order, saga_id, amount_minor), remitted_minor=order.remitted_minor + amount_minor,
    )


def remittance_refused(order: RedemptionOrder, card: GiftCard, now: datetime, reason: str) -> Stepped:
    """Neither book has it."""
    return stepped(order, card, now, Step.REMITTANCE_REFUSED, settlement_id="", reason=reason)
