"""A settlement with a merchant: what this book owes goes to credit_ledger, which pays it (DOMAIN 3.3)."""

from collections.abc import Sequence
from dataclasses import replace

from services.card_redemption.domain import books
from services.card_redemption.domain.commands import ClearMerchantShare
from services.card_redemption.domain.effects import moved
from services.card_redemption.domain.events import MerchantShareCleared
from services.card_redemption.domain.merchants.share import MerchantShare
from services.kernel.allocation import in_order
from services.kernel.decision import Decision, Done, Event
from services.kernel.errors import FailedPrecondition, InvalidArgument
from services.kernel.journal import Unit, post
from services.kernel.money import amount


def parts_of(shares: Sequence[MerchantShare], amount_minor: int) -> Sequence[int]:
    """How much of each share goes, in their order; never more than is owed over all (EXCEEDS_PAYABLE)."""
    if amount(amount_minor) <= 0:
        raise InvalidArgument("INVALID_AMOUNT", "the amount must be above 0")
    free = [share.free_minor for share in shares]
    if amount_minor > sum(free):
        raise FailedPrecondition("EXCEEDS_PAYABLE", f"{sum(free)} is owed to {shares[0].merchant_id}")
    return in_order(amount_minor, free)


def settling(shares: Sequence[MerchantShare], parts: Sequence[int]) -> tuple[MerchantShare, ...]:
    """The shares with these parts claimed, the root and what changes; like every claim it moves no version."""
    root = shares[0]
    return tuple(
        replace(share, settling_minor=part)
        for share, part in zip(shares, parts, strict=True) if share is root or share.settling_minor != part
    )


def cleared(
    shares: Sequence[MerchantShare], parts: Sequence[int], body: ClearMerchantShare, saga_id: str
) -> Decision:
    """The shares without these parts; the first is the root of the settlement and always moves."""
    root = replace(shares[0], sequence=shares[0].sequence + 1)
    changes = tuple(
        replace(share, payable_minor=share.payable_minor - part, settling_minor=0, version=share.version + 1)
        for share, part in zip((root, *shares[1:]), parts, strict=True) if part or share is root
    )
    return Decision(
        Done(moved=moved(body.amount_minor)), changes=changes,
        journals=post("merchant_settle", Unit.CNY, books.cleared(body.merchant_id, saga_id, body.amount_minor)),
        events=(Event(root.id, root.sequence, MerchantShareCleared(body.merchant_id, body.amount_minor)),),
    )
