"""What an order adds to, and a refund takes from, the merchant's share of this book (OP-3, P23)."""

from dataclasses import replace
from typing import NamedTuple

from services.credit_ledger.domain import books
from services.credit_ledger.domain.books import Lines
from services.credit_ledger.domain.merchant import MerchantShare, share_key
from services.credit_ledger.domain.position import Position


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


def take(position: Position, merchant_id: str, amount_minor: int) -> Taken:
    """The merchant gives this much back; a replay takes it from where it was taken then."""
    if position.facts is not None:
        payable = position.facts.merchant_payable_minor
    else:
        share = share_of(position, merchant_id)
        payable = min(amount_minor, share.payable_minor)
        position = position.plus(replace(
            share, payable_minor=share.payable_minor - payable,
            receivable_minor=share.receivable_minor + amount_minor - payable, version=share.version + 1,
        ))
    lines = (
        (books.MERCHANT_PAYABLE, merchant_id, payable), (books.MERCHANT_RECEIVABLE, merchant_id, amount_minor - payable)
    )
    return Taken(position, payable, lines)


def share_of(position: Position, merchant_id: str) -> MerchantShare:
    """The share that this account uses, a new one if it is the first time."""
    key = share_key(merchant_id, position.account.id)
    return position.find(MerchantShare, key) or MerchantShare(key, merchant_id)
