"""What an order is paid with, and how an amount is divided over it (PR-4, PR-5, A11, A24)."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from services.kernel.allocation import split
from services.kernel.money import half_up


class TenderType(StrEnum):
    """The means of payment; each at most once in an order."""

    CREDIT = "CREDIT"
    WALLET = "WALLET"
    GIFTCARD = "GIFTCARD"
    BANKCARD = "BANKCARD"


class Tender(NamedTuple):
    """One means of payment and what became of its share. `reference` is the card's id, or the acquirer's reference;
    `settled_minor` is what of the refunds that stand, and of what was given back unshipped, has reached the customer by
    the acquirer, or by hand or in the wallet instead."""

    type: TenderType
    amount_minor: int
    reference: str = ""
    captured_minor: int = 0
    released_minor: int = 0
    refunded_minor: int = 0
    settled_minor: int = 0

    @property
    def held_minor(self) -> int:
        """What is neither captured nor given back yet."""
        return self.amount_minor - self.captured_minor - self.released_minor

    @property
    def refundable_minor(self) -> int:
        """What was captured and not refunded yet."""
        return self.captured_minor - self.refunded_minor


class Coupon(NamedTuple):
    """What the platform pays the merchant on top of the tenders (A24)."""

    amount_minor: int = 0
    captured_minor: int = 0
    released_minor: int = 0
    refunded_minor: int = 0


NO_COUPON = Coupon()


class Share(NamedTuple):
    """What one tender carries of an operation; `weight_minor` is what was left of it before, its weight."""

    type: TenderType
    amount_minor: int
    weight_minor: int = 0


Shares = tuple[Share, ...]


def settled(tenders: Sequence[Tender], amount_minor: int) -> tuple[Tender, ...]:
    """The tenders with so much more of the bank card's with the customer, or less."""
    return tuple(
        tender._replace(settled_minor=tender.settled_minor + amount_minor) if tender.type is TenderType.BANKCARD
        else tender
        for tender in tenders
    )


def held_shares(tenders: Sequence[Tender], amount_minor: int) -> Shares:
    """An amount over what is still held: for a shipment, or a cancel of what has not shipped."""
    return _shares(tenders, amount_minor, [tender.held_minor for tender in tenders])


def refund_shares(tenders: Sequence[Tender], amount_minor: int) -> Shares:
    """An amount over what is still refundable (PR-4); the refund that empties the order clears every tender (CV-6)."""
    return _shares(tenders, amount_minor, [tender.refundable_minor for tender in tenders])


def _shares(tenders: Sequence[Tender], amount_minor: int, weights: Sequence[int]) -> Shares:
    parts = split(amount_minor, weights)
    return tuple(Share(t.type, part, weight) for t, part, weight in zip(tenders, parts, weights, strict=True))


def held_coupon(coupon: Coupon, tenders: Sequence[Tender], amount_minor: int) -> int:
    """The coupon's part in a shipment or a cancel: the difference of two roundings, so that the last one clears it."""
    done = coupon.captured_minor + coupon.released_minor
    total = sum(tender.amount_minor for tender in tenders)
    resolved = total - sum(tender.held_minor for tender in tenders) + amount_minor
    return max(0, _rounded(coupon.amount_minor, resolved, total) - done)


def refund_coupon(coupon: Coupon, tenders: Sequence[Tender], amount_minor: int) -> int:
    """The coupon's part in a refund (A24): `half_up(k*done/T)` with this refund, less what went back before."""
    captured = sum(tender.captured_minor for tender in tenders)
    done = sum(tender.refunded_minor for tender in tenders) + amount_minor
    if not captured:
        return 0
    return max(0, _rounded(coupon.captured_minor, done, captured) - coupon.refunded_minor)


def _rounded(whole: int, part: int, total: int) -> int:
    return half_up(whole * part, total) if total else whole


def tender_split(
    amounts: Sequence[int], refunds: Sequence[int]
) -> tuple[tuple[tuple[int, ...] | None, ...], tuple[int, ...]]:
    """The parts by tender of each refund in order (None if it is above what remains), and what remains at the end."""
    tenders = [Tender(TenderType.CREDIT, amount, captured_minor=amount) for amount in amounts]
    splits: list[tuple[int, ...] | None] = []
    for refund in refunds:
        if refund > sum(tender.refundable_minor for tender in tenders):
            splits.append(None)
            continue
        parts = tuple(share.amount_minor for share in refund_shares(tenders, refund))
        tenders = [t._replace(refunded_minor=t.refunded_minor + part) for t, part in zip(tenders, parts, strict=True)]
        splits.append(parts)
    return tuple(splits), tuple(tender.refundable_minor for tender in tenders)
