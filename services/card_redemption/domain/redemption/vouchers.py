"""The consolation voucher of a redemption that nobody could cancel (电子凭证): once (RD-28, P35)."""

from datetime import datetime
from enum import StrEnum

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption import books
from services.card_redemption.domain.redemption.cancelling import REASONS, judged
from services.card_redemption.domain.redemption.elsewhere import NOT_HIS
from services.card_redemption.domain.redemption.order import (
    RedemptionOrder,
    Voucher,
    must_stand,
    refuse_while_settling,
)
from services.card_redemption.domain.redemption.states import RedemptionState, Step
from services.card_redemption.domain.redemption.stepping import Stepped, stepped
from services.kernel.errors import FailedPrecondition, InvalidArgument
from services.kernel.ids import derived
from services.kernel.money import amount

VOUCHER_MAX_MINOR = 5_000
"""No voucher is worth more (an amount of our own, RD-28)."""


class Category(StrEnum):
    """What a voucher may be spent on."""

    PHONE_TOPUP = "PHONE_TOPUP"
    UTILITY = "UTILITY"


def issued(order: RedemptionOrder, card: GiftCard, now: datetime) -> Stepped:
    """The loss is made good, up to a bound; only where `CanCancel` says no, and once."""
    refuse_while_settling(order)
    must_stand(order, RedemptionState.COMPLETED)
    if order.voucher is not None:
        raise FailedPrecondition("VOUCHER_ISSUED", f"{order.id} has its voucher")
    value_minor = min(order.lost_minor, VOUCHER_MAX_MINOR)
    if value_minor <= 0 or judged(order, order.terms.asked_by, now).verdict not in REASONS:
        told = f"nothing of {order.id} is lost and not given back, or it can be cancelled"
        raise FailedPrecondition("VOUCHER_NOT_DUE", told)
    voucher = Voucher(derived("vch", order.id), value_minor, value_minor)
    return stepped(
        order, card, now, Step.VOUCHER_ISSUED, op="voucher_issue",
        lines=books.voucher_issued(voucher.id, value_minor), voucher=voucher,
    )


def usable(order: RedemptionOrder, category: str, amount_minor: int) -> Voucher:
    """The voucher, if it pays all of this amount: what was given stays good, also once a fault was made good (D144).
    What no voucher may be spent on is refused first, whether there is one or not."""
    refuse_while_settling(order)
    if category not in set(Category):
        raise FailedPrecondition("VOUCHER_CATEGORY", f"a voucher is good for {', '.join(Category)} only")
    if order.voucher is None:
        raise FailedPrecondition("VOUCHER_NOT_ISSUED", f"{order.id} has no voucher")
    if not amount(amount_minor):
        raise InvalidArgument("INVALID_AMOUNT", "the amount must be above 0")
    if amount_minor > order.voucher.left_minor:
        raise FailedPrecondition("VOUCHER_EXCEEDED", f"{order.voucher.left_minor} fen of the voucher are left")
    return order.voucher


def use_begun(order: RedemptionOrder, card: GiftCard, saga_id: str, now: datetime) -> Stepped:
    """The credit ledger is asked to pay."""
    return stepped(order, card, now, Step.VOUCHER_USING, settlement_id=saga_id)


def used(order: RedemptionOrder, card: GiftCard, saga_id: str, amount_minor: int, now: datetime) -> Stepped:
    """It is worth so much less; that another account was asked first is over."""
    assert order.voucher is not None
    voucher = order.voucher._replace(left_minor=order.voucher.left_minor - amount_minor)
    return stepped(
        order, card, now, Step.VOUCHER_USED, op="voucher_use", settlement_id="", voucher=voucher,
        reason="" if order.reason == NOT_HIS else order.reason,
        lines=books.voucher_used(voucher.id, saga_id, amount_minor),
    )


def use_refused(order: RedemptionOrder, card: GiftCard, now: datetime, reason: str) -> Stepped:
    """It is worth what it was."""
    return stepped(order, card, now, Step.VOUCHER_REFUSED, settlement_id="", reason=reason)
