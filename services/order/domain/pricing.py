"""What the lines of an order cost after promotions, and what one unit of a line is worth (PR-3, CV-7)."""

from collections.abc import Sequence
from typing import NamedTuple

from services.kernel.allocation import split
from services.kernel.errors import InvalidArgument


class Promotion(NamedTuple):
    """An amount taken off some lines (indexes from 0; none means all of them)."""

    amount_minor: int
    lines: tuple[int, ...] = ()
    title: str = ""


class Tier(NamedTuple):
    """One promotion at work: what its lines cost before it, and what it took off each."""

    lines: tuple[int, ...]
    before_minor: tuple[int, ...]
    off_minor: tuple[int, ...]


def tiers(amounts: Sequence[int], promotions: Sequence[Promotion]) -> tuple[Tier, ...]:
    """Each promotion split over what its lines cost by then, in order (PR-3); INVALID_AMOUNT above that sum."""
    current = list(amounts)
    applied = []
    for promotion in promotions:
        indexes = promotion.lines or tuple(range(len(current)))
        if len(set(indexes)) != len(indexes) or not all(0 <= index < len(current) for index in indexes):
            raise InvalidArgument("UNKNOWN_LINE", f"a promotion names the lines {indexes}")
        before = tuple(current[index] for index in indexes)
        if not 0 <= promotion.amount_minor <= sum(before):
            raise InvalidArgument("INVALID_AMOUNT", f"a promotion of {promotion.amount_minor} over {sum(before)}")
        off = split(promotion.amount_minor, before)
        for index, part in zip(indexes, off, strict=True):
            current[index] -= part
        applied.append(Tier(indexes, before, off))
    return tuple(applied)


def discount_alloc(amounts: Sequence[int], promotions: Sequence[Promotion]) -> tuple[tuple[int, ...], ...]:
    """All line amounts after each promotion; the last entry is what is payable."""
    current, steps = list(amounts), []
    for tier in tiers(amounts, promotions):
        for index, part in zip(tier.lines, tier.off_minor, strict=True):
            current[index] -= part
        steps.append(tuple(current))
    return tuple(steps)


def payable(amounts: Sequence[int], promotions: Sequence[Promotion]) -> tuple[int, ...]:
    """What each line costs after all promotions."""
    return discount_alloc(amounts, promotions)[-1] if promotions else tuple(amounts)


def unit_refund(payable_minor: int, quantity: int) -> tuple[int, ...]:
    """What the first, the second … returned unit of a line is worth (CV-7)."""
    return tuple(
        payable_minor * (unit + 1) // quantity - payable_minor * unit // quantity for unit in range(quantity)
    )
