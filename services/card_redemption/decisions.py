"""Which rule decides which message, and what it needs to see."""

from collections.abc import Mapping

from services.card_redemption.domain import issuing, merchant, refunding, tendering
from services.card_redemption.domain.card import CardTender, GiftCard
from services.card_redemption.domain.commands import (
    CaptureDeposit,
    ClearMerchantShare,
    DepositCard,
    IssueCard,
    RefundCard,
    ReturnDeposit,
    ReverseCardRefund,
)
from services.card_redemption.domain.merchant import MerchantShare
from services.kernel.decision import Rule
from services.kernel.messages import Message
from services.kernel.shares import share_key, share_keys


def _card(message: Message) -> tuple[tuple[type, str], ...]:
    return ((GiftCard, message.key),)


def _tender(message: Message) -> tuple[tuple[type, str], ...]:
    order_id: str = getattr(message.body, "order_id", "")
    return ((GiftCard, message.key), (CardTender, order_id))


def _with_share(message: Message) -> tuple[tuple[type, str], ...]:
    merchant_id: str = getattr(message.body, "merchant_id", "")
    return (*_tender(message), (MerchantShare, share_key(merchant_id, message.key)))


def _shares(message: Message) -> tuple[tuple[type, str], ...]:
    merchant_id: str = getattr(message.body, "merchant_id", "")
    return tuple((MerchantShare, key) for key in share_keys(merchant_id))


RULES: Mapping[type, Rule] = {
    IssueCard: Rule(_card, issuing.issue),
    DepositCard: Rule(_tender, tendering.deposit),
    ReturnDeposit: Rule(_tender, tendering.return_deposit),
    CaptureDeposit: Rule(_with_share, tendering.capture_deposit),
    RefundCard: Rule(_with_share, refunding.refund),
    ReverseCardRefund: Rule(_with_share, refunding.reverse_refund),
    ClearMerchantShare: Rule(_shares, merchant.clear),
}
TIMERS: Mapping[str, Rule] = {}
