"""Which rule decides which message of the card service, and what it needs to see."""

from typing import Protocol

from services.card_redemption.decisions import channels, issuing, merchants, refunding, tendering
from services.card_redemption.decisions.redemptions import rules as redemptions
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
from services.card_redemption.domain.merchants.share import MerchantShare
from services.kernel.decision import Wanted, rule, rules, timer_rules
from services.kernel.messages import Message
from services.kernel.notices import ACKNOWLEDGED, REPEATED
from services.kernel.shares import share_key, share_keys


class OfOrder(Protocol):
    """A command about what an order took of a card."""

    @property
    def order_id(self) -> str: ...
    @property
    def merchant_id(self) -> str: ...


def _card(body: IssueCard, message: Message) -> Wanted:
    return ((GiftCard, message.key),)


def _tender(body: OfOrder, message: Message) -> Wanted:
    return ((GiftCard, message.key), (CardTender, body.order_id))


def _tender_and_share(body: OfOrder, message: Message) -> Wanted:
    return (*_tender(body, message), (MerchantShare, share_key(body.merchant_id, message.key)))


def _shares(body: ClearMerchantShare, message: Message) -> Wanted:
    return tuple((MerchantShare, key) for key in share_keys(body.merchant_id))


RULES = rules(
    rule(IssueCard, _card, issuing.issue),
    rule(DepositCard, _tender, tendering.deposit),
    rule(ReturnDeposit, _tender, tendering.return_deposit),
    rule(CaptureDeposit, _tender_and_share, tendering.capture_deposit),
    rule(RefundCard, _tender_and_share, refunding.refund),
    rule(ReverseCardRefund, _tender_and_share, refunding.reverse_refund),
    rule(ClearMerchantShare, _shares, merchants.clear),
    *channels.RULES,
    *redemptions.RULES,
    ACKNOWLEDGED,
)
TIMERS = timer_rules(*redemptions.TIMERS, REPEATED)
