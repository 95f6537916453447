"""Settlement with a merchant: what is owed to it, net of what it owes us, and what it comes to owe us (A25, P23)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from services.credit_ledger.domain.merchants.shares import give_back
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.books import Lines
from services.credit_ledger.domain.model.events import MerchantPaid
from services.credit_ledger.domain.model.merchant_share import MerchantShare, Net, net
from services.kernel.allocation import in_order
from services.kernel.errors import FailedPrecondition
from services.kernel.journal import Journal, Unit, post


class Paid(NamedTuple):
    """A payment to a merchant: the shares that moved, the root first; what is posted and told of it.

    `netted_minor` is how much of what we owe went against what the merchant owes us; `left` is what is owed
    afterwards.
    """

    shares: tuple[MerchantShare, ...]
    journals: tuple[Journal, ...]
    event: MerchantPaid
    amount_minor: int
    netted_minor: int
    left: Net


def settle(shares: Sequence[MerchantShare], amount: int, before_netting: bool = False) -> Paid:
    """Pay this much, over all shares in their order, once all that the merchant owes us is netted; EXCEEDS_PAYABLE
    above what we owe net of that.

    With `before_netting` the amount is of what we owe before that, and may all be netted (3.2).
    """
    (payable, owed), merchant = _sums(shares), shares[0].merchant_id
    gross = amount if before_netting else amount + owed
    if gross > payable:
        most = payable if before_netting else net(payable, owed).payable_minor
        raise FailedPrecondition("EXCEEDS_PAYABLE", f"{most} is owed to {merchant}")
    parts = in_order(gross, [share.payable_minor for share in shares])
    return _paid(shares, gross, min(gross, owed), parts, ((books.MERCHANT_PAYABLE, merchant, gross),))


def pay_gift_card_share(shares: Sequence[MerchantShare], amount: int, saga_id: str) -> Paid:
    """Pay what card_redemption owes, less what the merchant owes us net of what this book owes it; the money comes over
    X.CLEARING, and no share's payable falls (3.3)."""
    netted = min(amount, net(*_sums(shares)).receivable_minor)
    return _paid(shares, amount, netted, (0,) * len(shares), ((books.CLEARING, saga_id, amount),))


def claw_back(
    share: MerchantShare, amount: int, order_id: str, saga_id: str
) -> tuple[MerchantShare, tuple[Journal, ...]]:
    """The merchant owes us what card_redemption had paid it for a gift card that was refunded since (P23)."""
    after = replace(share, receivable_minor=share.receivable_minor + amount, version=share.version + 1)
    lines = ((books.MERCHANT_RECEIVABLE, share.merchant_id, amount), (books.CLEARING, saga_id, -amount))
    return after, post("refund", Unit.CNY, lines, order_id)


def give_up(
    share: MerchantShare, amount: int, order_id: str, saga_id: str
) -> tuple[MerchantShare, tuple[Journal, ...]]:
    """That refund was undone: the merchant owes us this no longer (P24)."""
    after, lines = give_back(share, amount)
    return after, post("refund_reverse", Unit.CNY, (*lines, (books.CLEARING, saga_id, amount)), order_id)


def _sums(shares: Sequence[MerchantShare]) -> tuple[int, int]:
    """What we owe the merchant and what the merchant owes us, over all shares and before netting."""
    return sum(share.payable_minor for share in shares), sum(share.receivable_minor for share in shares)


def _paid(shares: Sequence[MerchantShare], amount: int, netted: int, parts: Sequence[int], debit: Lines) -> Paid:
    """The shares with these parts of their payable paid, and this much of what the merchant owes us netted; the first
    share is the root and always moves."""
    payable, owed = _sums(shares)
    offsets = in_order(netted, [share.receivable_minor for share in shares])
    changed = tuple(
        replace(
            share, payable_minor=share.payable_minor - part, receivable_minor=share.receivable_minor - less,
            version=share.version + 1, sequence=share.sequence + (share is shares[0]),
        )
        for share, part, less in zip(shares, parts, offsets, strict=True) if part or less or share is shares[0]
    )
    merchant = shares[0].merchant_id
    lines = (*debit, (books.MERCHANT_RECEIVABLE, merchant, -netted), (books.BANK, "", netted - amount))
    return Paid(
        shares=changed, journals=post("merchant_settle", Unit.CNY, lines),
        event=MerchantPaid(merchant, amount, amount - netted), amount_minor=amount, netted_minor=netted,
        left=net(payable - sum(parts), owed - netted),
    )
