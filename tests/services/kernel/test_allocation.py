"""Dividing amounts: no fen is lost or made, in any split (CV-4 to CV-7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.allocation import equal, in_order, split, unit_value
from services.kernel.errors import Defect

AMOUNTS = st.integers(0, 10**12)
WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=30)
TIES = st.sampled_from(("first", "last"))


def test_ties_go_to_the_lower_index_of_discounts_and_to_the_later_instalment() -> None:
    """Three equal weights and one odd fen: who gets it is the caller's word (CV-5)."""
    assert split(10, [1, 1, 1], "first") == (4, 3, 3)
    assert split(10, [1, 1, 1], "last") == (3, 3, 4)


def test_the_largest_fraction_comes_before_any_tie() -> None:
    """Quotas 1.25, 2.5 and 1.25 of 5: the middle one has the largest fraction."""
    assert split(5, [1, 2, 1], "first") == split(5, [1, 2, 1], "last") == (1, 3, 1)


def test_a_public_discount_example_sums_exactly() -> None:
    """PR-3: rounding line by line ends at 450.01 for a 450.00 order; this does not."""
    assert sum(split(5000, [16_667, 16_667, 16_666])) == 5000


@given(total=AMOUNTS, weights=WEIGHTS, ties=TIES)
def test_a_split_is_the_total_and_each_part_is_within_one_fen_of_its_quota(
    total: int, weights: list[int], ties: str
) -> None:
    """Hamilton: floor or floor + 1 of the exact quota, never negative; all zero if every weight is."""
    parts = split(total, weights, "first" if ties == "first" else "last")

    whole = sum(weights)
    assert sum(parts) == (total if whole else 0)
    for part, weight in zip(parts, weights, strict=True):
        assert part in ((total * weight // whole, total * weight // whole + 1) if whole else (0,))
        assert weight or not part


@given(weights=WEIGHTS, cuts=st.lists(st.integers(0, 10**9), max_size=6), ties=TIES)
def test_splits_by_what_remains_never_go_below_zero_and_the_last_one_clears(
    weights: list[int], cuts: list[int], ties: str
) -> None:
    """CV-6: with remaining weights any sequence of refunds stays within every part,
    and the last empties each exactly."""
    remaining = list(weights)
    for cut in [*cuts, 10**18]:
        parts = split(min(cut, sum(remaining)), remaining, "first" if ties == "first" else "last")
        remaining = [left - part for left, part in zip(remaining, parts, strict=True)]
        assert min(remaining) >= 0

    assert not any(remaining)


@given(total=AMOUNTS, count=st.integers(1, 60))
def test_the_last_of_equal_parts_takes_the_rest(total: int, count: int) -> None:
    """CV-4: fewer fen than parts give leading zeros."""
    *leading, last = equal(total, count)

    assert sum(leading) + last == total
    assert set(leading) <= {total // count}
    assert last - total // count < count


@given(payable=AMOUNTS, quantity=st.integers(1, 50), data=st.data())
def test_the_units_of_a_line_make_the_line_in_any_grouping(payable: int, quantity: int, data: st.DataObject) -> None:
    """CV-7: returning a line in any portions gives its payable, no portion negative."""
    returned = total = 0
    while returned < quantity:
        count = data.draw(st.integers(1, quantity - returned))
        value = unit_value(payable, quantity, returned, count)
        assert value >= 0
        returned, total = returned + count, total + value

    assert total == payable


@given(total=AMOUNTS, caps=st.lists(st.integers(0, 10**9), max_size=30))
def test_filling_in_order_takes_all_it_can_and_never_skips(total: int, caps: list[int]) -> None:
    """Each part is within its cap, and a part is short only where nothing is left for the next."""
    parts = in_order(total, caps)

    assert sum(parts) == min(total, sum(caps))
    short = [index for index, (part, cap) in enumerate(zip(parts, caps, strict=True)) if part < cap]
    assert not short or not any(parts[short[0] + 1:])


@pytest.mark.parametrize("wrong", [
    lambda: split(-1, [1]), lambda: split(1, [2, -1]), lambda: equal(-1, 3), lambda: equal(1, 0),
    lambda: unit_value(100, 3, 2, 2), lambda: unit_value(100, 3, -1, 1), lambda: unit_value(-1, 3, 0, 1),
])
def test_what_makes_no_sense_is_a_defect(wrong: object) -> None:
    """A negative amount or a fourth of three units is our own mistake, not a caller's."""
    assert callable(wrong)
    with pytest.raises(Defect):
        wrong()
