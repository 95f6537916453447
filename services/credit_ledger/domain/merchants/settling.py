"""Settlement with a merchant: what we owe, net of what the merchant owes us (A25, P23)."""

from collections.abc import Sequence
from dataclasses import replace

from services.credit_ledger.domain.merchants import shares
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.amounts import positive
from services.credit_ledger.domain.model.books import Lines
from services.credit_ledger.domain.model.commands import ClawBackFromMerchant, PayGiftCardShare, SettleMerchant
from services.credit_ledger.domain.model.effects import MerchantSettlement
from services.credit_ledger.domain.model.events import MerchantPaid
from services.credit_ledger.domain.model.merchant_share import MerchantShare, share_keys
from services.kernel.allocation import in_order
from services.kernel.decision import Decision, Done, Event, Known
from services.kernel.errors import Defect, FailedPrecondition
from services.kernel.journal import Unit, post
from services.kernel.messages import Message, Op

GIFT_CARD = "GIFTCARD"
"""The name of the gift-card share in a saga's money vector."""


def settle(known: Known, body: SettleMerchant) -> Decision:
    """Pay so much of the payable, over all shares in their order."""
    amount = positive(body.amount_minor)
    shares = _shares(known, body.merchant_id)
    payable = sum(share.payable_minor for share in shares)
    if amount > payable:
        raise FailedPrecondition("EXCEEDS_PAYABLE", f"{payable} is owed to {body.merchant_id}")
    netted = _netted(amount, shares)
    less = ((books.MERCHANT_PAYABLE, body.merchant_id, amount),)
    decision = _paid(shares, amount, netted, in_order(amount, [share.payable_minor for share in shares]), less)
    receivable = sum(share.receivable_minor for share in shares)
    result = MerchantSettlement(
        body.merchant_id, amount, netted, amount - netted, payable - amount, receivable - netted
    )
    return replace(decision, outcome=Done(result))


def pay_gift_card_share(known: Known, message: Message) -> Decision:
    """Pay what card_redemption owes, as that book gives it up (3.3). Nothing here can refuse it, so a TRY claims nothing:
    CONFIRM nets against what the merchant owes us by then."""
    body, saga = message.body, message.saga
    if not isinstance(body, PayGiftCardShare) or saga is None:
        raise Defect(f"{message.id} pays no share of another book")
    amount = positive(body.amount_minor)
    if saga.op is Op.CANCEL:
        return Decision()
    moved = Done(moved=((GIFT_CARD, amount),))
    if saga.op is Op.TRY:
        return Decision(moved)
    shares = _shares(known, body.merchant_id)
    cleared = ((books.CLEARING, saga.saga_id, amount),)
    return replace(_paid(shares, amount, _netted(amount, shares), (0,) * len(shares), cleared), outcome=moved)


def claw_back(known: Known, message: Message) -> Decision:
    """What card_redemption had paid the merchant before it refunded a gift card, the merchant owes us; undone, no longer (P23,
    P24). Only CONFIRM knows how much, and nothing here can refuse it, so a TRY claims nothing."""
    body, saga = message.body, message.saga
    if not isinstance(body, ClawBackFromMerchant) or saga is None:
        raise Defect(f"{message.id} claims nothing from a merchant")
    if saga.op is not Op.CONFIRM or not body.amount_minor:
        return Decision()
    amount = positive(body.amount_minor)
    share = known.find(MerchantShare, message.key) or MerchantShare(message.key, body.merchant_id, version=0)
    if body.undone:
        op, (after, lines), cleared = "refund_reverse", shares.give_back(share, amount), amount
    else:
        after = replace(share, receivable_minor=share.receivable_minor + amount, version=share.version + 1)
        op, lines, cleared = "refund", ((books.MERCHANT_RECEIVABLE, body.merchant_id, amount),), -amount
    lines = (*lines, (books.CLEARING, saga.saga_id, cleared))
    return Decision(changes=(after,), journals=post(op, Unit.CNY, lines, body.order_id))


def _shares(known: Known, merchant_id: str) -> list[MerchantShare]:
    return [known.find(MerchantShare, key) or MerchantShare(key, merchant_id, version=0) for key in share_keys(merchant_id)]


def _netted(amount: int, shares: Sequence[MerchantShare]) -> int:
    return min(amount, sum(share.receivable_minor for share in shares))


def _paid(
    shares: Sequence[MerchantShare], amount: int, netted: int, paid: Sequence[int], debit: Lines
) -> Decision:
    """The shares with these parts of their payable paid and the netted amount taken off what the merchant owes; the first
    share is the root and always moves."""
    net = in_order(netted, [share.receivable_minor for share in shares])
    changed = [
        replace(
            share, payable_minor=share.payable_minor - part, receivable_minor=share.receivable_minor - less,
            version=share.version + 1, sequence=share.sequence + (share is shares[0]),
        )
        for share, part, less in zip(shares, paid, net, strict=True) if part or less or share is shares[0]
    ]
    root = changed[0]
    lines = (*debit, (books.MERCHANT_RECEIVABLE, root.merchant_id, -netted), (books.BANK, "", netted - amount))
    return Decision(
        changes=tuple(changed), journals=post("merchant_settle", Unit.CNY, lines),
        events=(Event(root.id, root.sequence, MerchantPaid(root.merchant_id, amount, amount - netted)),),
    )
