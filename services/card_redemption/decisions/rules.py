"""Which rule decides which message of the card service, and what it needs to see."""

from typing import Protocol

from services.card_redemption.decisions import (
    channels,
    closing,
    enterprise,
    issuing,
    merchants,
    refunding,
    standing,
    tendering,
)
from services.card_redemption.decisions.disputes import rules as disputes
from services.card_redemption.decisions.recorded import attempt, recording
from services.card_redemption.decisions.redemptions import rules as redemptions
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.closing import SWEEP
from services.card_redemption.domain.cards.tender import CardTender
from services.card_redemption.domain.codes import CardCode
from services.card_redemption.domain.commands import (
    ActivateCard,
    ActivateTransfer,
    CaptureDeposit,
    ClearMerchantShare,
    CloseCard,
    DepositCard,
    FreezeCard,
    IssueCard,
    RefundCard,
    ReturnDeposit,
    RevealCode,
    ReverseCardRefund,
    TransferCard,
    UnfreezeCard,
    VoidCard,
    WithdrawTransfer,
)
from services.card_redemption.domain.merchants.share import MerchantShare
from services.kernel.decision import Wanted, rule, rules, timer_rules
from services.kernel.messages import Message, TimerDue
from services.kernel.notices import ACKNOWLEDGED, REPEATED
from services.kernel.shares import share_key, share_keys


class OfOrder(Protocol):
    """A command about what an order took of a card."""

    @property
    def order_id(self) -> str: ...
    @property
    def merchant_id(self) -> str: ...


class OfCode(Protocol):
    """A command about the card whose code was presented."""

    @property
    def blind_index(self) -> str: ...


def _card(body: object, message: Message) -> Wanted:
    return ((GiftCard, message.key),)


def _issued(body: IssueCard, message: Message) -> Wanted:
    return (*_card(body, message), *(((CardCode, body.code.blind_index),) if body.code else ()))


def _presented(body: OfCode, message: Message) -> Wanted:
    return (*_card(body, message), (CardCode, body.blind_index))


def _tender(body: OfOrder, message: Message) -> Wanted:
    return ((GiftCard, message.key), (CardTender, body.order_id))


def _tender_and_share(body: OfOrder, message: Message) -> Wanted:
    return (*_tender(body, message), (MerchantShare, share_key(body.merchant_id, message.key)))


def _shares(body: ClearMerchantShare, message: Message) -> Wanted:
    return tuple((MerchantShare, key) for key in share_keys(body.merchant_id))


RULES = rules(
    rule(IssueCard, _issued, issuing.issue, attempt("ISSUE_CARD")),
    rule(ActivateCard, _presented, standing.activate, attempt("ACTIVATE_CARD")),
    rule(TransferCard, _card, standing.transfer, attempt("TRANSFER_CARD")),
    rule(WithdrawTransfer, _card, standing.withdraw, attempt("WITHDRAW_TRANSFER")),
    rule(ActivateTransfer, _presented, standing.activate_transfer, attempt("ACTIVATE_TRANSFER")),
    rule(FreezeCard, _card, standing.freeze, attempt("FREEZE_CARD")),
    rule(UnfreezeCard, _card, standing.unfreeze, attempt("UNFREEZE_CARD")),
    rule(VoidCard, _card, standing.void, attempt("VOID_CARD")),
    rule(RevealCode, _card, standing.reveal, attempt("REVEAL_CODE")),
    rule(CloseCard, _card, closing.close, attempt(closing.CLOSED)),
    rule(DepositCard, _tender, tendering.deposit),
    rule(ReturnDeposit, _tender, tendering.return_deposit),
    rule(CaptureDeposit, _tender_and_share, tendering.capture_deposit),
    rule(RefundCard, _tender_and_share, refunding.refund),
    rule(ReverseCardRefund, _tender_and_share, refunding.reverse_refund),
    rule(ClearMerchantShare, _shares, merchants.clear),
    *channels.RULES,
    *enterprise.RULES,
    *recording(redemptions.RULES),
    *disputes.RULES,
    ACKNOWLEDGED,
)
TIMERS = timer_rules(
    (SWEEP, rule(TimerDue, _card, closing.swept)), *redemptions.TIMERS, *disputes.TIMERS, REPEATED,
)
