"""What an order adds to, and a refund takes from, the merchant's share of this book (OP-3, P23).

A refund looks at the share of its account alone, so one share may be owed to the merchant while the merchant owes
another; whoever shows or pays nets all of them (`merchant_share.net`).
"""

from dataclasses import replace
from typing import NamedTuple

from services.credit_ledger.domain.core.position import Position
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.books import Lines
from services.credit_ledger.domain.model.merchant_share import MerchantShare
from services.kernel.shares import share_key


class Taken(NamedTuple):
    """Where money that the merchant gives back comes from: first what we owe, then what the merchant owes us."""

    position: Position
    payable_minor: int
    lines: Lines


def owe(position: Position, merchant_id: str, amount_minor: int) -> Position:
    """The position after a shipment: we owe the merchant more."""
    if position.replaying or not amount_minor:
        return position
    share = share_of(position, merchant_id)
    return position.plus(replace(share, payable_minor=share.payable_minor + amount_minor))


def take(position: Position, merchant_id: str, amount_minor: int, uncovered_minor: int = 0) -> Taken:
    """The merchant gives this much back, and to card_redemption what that had paid it already;
    a replay takes it from where it was taken then."""
    if position.facts is not None:
        payable = position.facts.merchant_payable_minor
    else:
        share = share_of(position, merchant_id)
        payable = min(amount_minor, share.payable_minor)
        position = position.plus(replace(
            share, payable_minor=share.payable_minor - payable, version=share.version + 1,
            receivable_minor=share.receivable_minor + amount_minor - payable + uncovered_minor,
        ))
    lines = (
        (books.MERCHANT_PAYABLE, merchant_id, payable),
        (books.MERCHANT_RECEIVABLE, merchant_id, amount_minor - payable + uncovered_minor),
        (books.CLEARING, position.saga_id, -uncovered_minor),
    )
    return Taken(position, payable, lines)


def give_back(share: MerchantShare, owed_minor: int, paid_minor: int = 0) -> tuple[MerchantShare, Lines]:
    """A refund is undone: what the merchant owed us for it comes off what it still owes; the rest, and what was taken
    from its payable, is payable again."""
    receivable = min(owed_minor, share.receivable_minor)
    payable = owed_minor - receivable + paid_minor
    after = replace(
        share, payable_minor=share.payable_minor + payable, receivable_minor=share.receivable_minor - receivable,
        version=share.version + 1,
    )
    merchant = share.merchant_id
    return after, ((books.MERCHANT_PAYABLE, merchant, -payable), (books.MERCHANT_RECEIVABLE, merchant, -receivable))


def share_of(position: Position, merchant_id: str) -> MerchantShare:
    """The share that this account uses, a new one if it is the first time."""
    key = share_key(merchant_id, position.account.id)
    return position.find(MerchantShare, key) or MerchantShare(key, merchant_id)
