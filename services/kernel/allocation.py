"""Dividing an amount so that not one fen is lost or made (CV-4 to CV-7).

Every function returns parts that are never negative and sum to what was divided.
"""

from collections.abc import Sequence
from typing import Literal

from services.kernel.errors import Defect

Ties = Literal["first", "last"]
"""Who wins among equal fractions: the lower index (discounts, tenders) or the higher one (principal reductions)."""


def split(total: int, weights: Sequence[int], ties: Ties = "first") -> tuple[int, ...]:
    """Largest remainder (Hamilton) over exact integers (CV-5); all parts 0 if the total or every weight is 0.

    With the *remaining* amounts as weights each part stays within what remains, and the split that empties them
    clears every one exactly (CV-6).
    """
    whole = sum(weights)
    if not total or not whole:
        return (0,) * len(weights)
    if total < 0 or min(weights) < 0:
        raise Defect(f"split of {total} over {weights}")
    parts, fractions = [], []
    for weight in weights:
        part, fraction = divmod(total * weight, whole)
        parts.append(part)
        fractions.append(fraction)
    left = total - sum(parts)
    if left:
        # The sort is stable, also in reverse: the order of the indexes decides between equal fractions.
        indexes = range(len(parts)) if ties == "first" else range(len(parts) - 1, -1, -1)
        for index in sorted(indexes, key=fractions.__getitem__, reverse=True)[:left]:
            parts[index] += 1
    return tuple(parts)


def equal(total: int, count: int) -> tuple[int, ...]:
    """`total div count` each; the last part takes the rest (CV-4)."""
    if total < 0 or count < 1:
        raise Defect(f"{total} over {count} equal parts")
    each = total // count
    return (each,) * (count - 1) + (total - each * (count - 1),)


def unit_value(payable: int, quantity: int, returned: int, count: int) -> int:
    """What `count` units of a line of this payable and quantity are worth, after `returned` units went (CV-7)."""
    if payable < 0 or not 0 <= returned <= returned + count <= quantity or quantity < 1:
        raise Defect(f"{count} units after {returned} of {quantity}")
    return payable * (returned + count) // quantity - payable * returned // quantity


def in_order(total: int, caps: Sequence[int]) -> tuple[int, ...]:
    """Each up to its cap, from the first on, until the total is used up; what no cap takes is in no part."""
    parts = []
    for cap in caps:
        part = min(total, cap)
        parts.append(part)
        total -= part
    return tuple(parts)
