"""Settlements with a merchant and claims on one: inputs of
the merchant's shares, of no account (A25, P23, P24, 3.3)."""

from datetime import datetime

from services.credit_ledger.domain.merchants import settling
from services.credit_ledger.domain.model.amounts import positive
from services.credit_ledger.domain.model.commands import ClawBackFromMerchant, PayGiftCardShare, SettleMerchant
from services.credit_ledger.domain.model.effects import MerchantSettlement
from services.credit_ledger.domain.model.merchant_share import MerchantShare
from services.kernel.decision import Decision, Done, Event, Known, Wanted, rule
from services.kernel.errors import Defect
from services.kernel.messages import Message, Op, SagaRef
from services.kernel.money import balance
from services.kernel.shares import share_keys

GIFT_CARD = "GIFTCARD"
"""The name of the gift-card share in a saga's money vector."""


def _settle(known: Known, body: SettleMerchant, message: Message, now: datetime) -> Decision:
    """Pay this much, net of what the merchant owes us, over all shares in their order."""
    shares, amount = _shares(known, body.merchant_id), positive(body.amount_minor)
    paid = settling.settle(shares, amount, body.before_netting)
    result = MerchantSettlement(
        merchant_id=body.merchant_id, amount_minor=paid.amount_minor, netted_minor=paid.netted_minor,
        paid_minor=paid.amount_minor - paid.netted_minor, payable_minor=paid.left.payable_minor,
        receivable_minor=paid.left.receivable_minor,
    )
    return _told(Done(result), paid)


def _pay_gift_card_share(known: Known, body: PayGiftCardShare, message: Message, now: datetime) -> Decision:
    """Pay what card_redemption owes, as that book gives it up. Nothing here can refuse it, so a TRY claims nothing:
    CONFIRM nets against what the merchant owes us by then (3.3)."""
    saga, amount = _saga(message), positive(body.amount_minor)
    if saga.op is Op.CANCEL:
        return Decision()
    moved = Done(moved=((GIFT_CARD, amount),))
    if saga.op is Op.TRY:
        return Decision(moved)
    return _told(moved, settling.pay_gift_card_share(_shares(known, body.merchant_id), amount, saga.saga_id))


def _claw_back(known: Known, body: ClawBackFromMerchant, message: Message, now: datetime) -> Decision:
    """What card_redemption had paid the merchant before it refunded a gift card, the merchant owes us; undone, no more.

    Only CONFIRM knows how much, so a TRY claims nothing, and refuses only where the merchant owes us more than can be
    written (P23, P24).
    """
    if message.key not in share_keys(body.merchant_id):
        raise Defect(f"{message.key} is no share of {body.merchant_id}")
    saga, share = _saga(message), _share(known, message.key, body.merchant_id)
    if saga.op is Op.TRY:
        balance(share.receivable_minor, what=f"what {body.merchant_id} owes us")
    if saga.op is not Op.CONFIRM or not body.amount_minor:
        return Decision()
    claim = settling.give_up if body.undone else settling.claw_back
    after, journals = claim(share, positive(body.amount_minor), body.order_id, saga.saga_id)
    return Decision(changes=(after,), journals=journals)


def _told(outcome: Done, paid: settling.Paid) -> Decision:
    root = paid.shares[0]
    return Decision(
        outcome, changes=paid.shares, journals=paid.journals, events=(Event(root.id, root.sequence, paid.event),)
    )


def _saga(message: Message) -> SagaRef:
    if message.saga is None:
        raise Defect(f"{message.id} is no command of a saga")
    return message.saga


def _shares(known: Known, merchant_id: str) -> list[MerchantShare]:
    """All shares of a merchant, in their order."""
    return [_share(known, key, merchant_id) for key in share_keys(merchant_id)]


def _share(known: Known, key: str, merchant_id: str) -> MerchantShare:
    return known.find(MerchantShare, key) or MerchantShare(key, merchant_id, version=0)


def _all_shares(body: SettleMerchant | PayGiftCardShare, message: Message) -> Wanted:
    return tuple((MerchantShare, key) for key in share_keys(body.merchant_id))


def _own_share(body: ClawBackFromMerchant, message: Message) -> Wanted:
    """None for a key that is no share of the merchant: to look for a share makes its row."""
    return ((MerchantShare, message.key),) if message.key in share_keys(body.merchant_id) else ()


MERCHANTS = (
    rule(SettleMerchant, _all_shares, _settle),
    rule(PayGiftCardShare, _all_shares, _pay_gift_card_share),
    rule(ClawBackFromMerchant, _own_share, _claw_back),
)
"""By the type of the body."""
