"""Which rule decides which message, and what it needs to see."""

from collections.abc import Callable
from datetime import datetime

from services.card_redemption.decisions import issuing, refunding, tendering
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.tender import CardTender
from services.card_redemption.domain.commands import (
    CaptureDeposit,
    ClearMerchantShare,
    DepositCard,
    IssueCard,
    RefundCard,
    ReturnDeposit,
    ReverseCardRefund,
)
from services.card_redemption.domain.merchants import share as merchant
from services.card_redemption.domain.merchants.share import MerchantShare
from services.kernel.decision import Decision, Known, Rule, Wanted, rules, timer_rules
from services.kernel.messages import Message
from services.kernel.shares import share_key, share_keys

OldDecide = Callable[[Known, Message, datetime], Decision]


def _old(body: type, wants: Callable[[Message], Wanted], decide: OldDecide) -> Rule:
    """A rule whose functions still dig their body out of the message."""
    return Rule(body, lambda body, message: wants(message), lambda known, body, message, now: decide(known, message, now))


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


RULES = rules(
    _old(IssueCard, _card, issuing.issue),
    _old(DepositCard, _tender, tendering.deposit),
    _old(ReturnDeposit, _tender, tendering.return_deposit),
    _old(CaptureDeposit, _with_share, tendering.capture_deposit),
    _old(RefundCard, _with_share, refunding.refund),
    _old(ReverseCardRefund, _with_share, refunding.reverse_refund),
    _old(ClearMerchantShare, _shares, merchant.clear),
)
TIMERS = timer_rules()
