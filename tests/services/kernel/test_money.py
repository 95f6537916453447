"""Amounts are bounded; rounding is exact and in one place (CV-1, CV-2)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.errors import Defect, InvalidArgument
from services.kernel.journal import Unit, post
from services.kernel.money import (
    AMOUNT_MAX_MINOR,
    BALANCE_MAX_MINOR,
    FUNDS_MAX_MINOR,
    amount,
    balance,
    half_up,
    of_rate,
    yuan,
)
from services.kernel.shares import SHARES


@pytest.mark.parametrize(("numerator", "denominator", "expected"), [
    (1, 2, 1), (3, 2, 2), (5, 2, 3), (49, 100, 0), (50, 100, 1), (-1, 2, -1), (-3, 2, -2), (0, 7, 0),
])
def test_a_tie_goes_away_from_zero(numerator: int, denominator: int, expected: int) -> None:
    """四舍五入."""
    assert half_up(numerator, denominator) == expected


@given(numerator=st.integers(-10**15, 10**15), denominator=st.integers(1, 10**9))
def test_rounding_is_within_half_a_fen_of_the_exact_value(numerator: int, denominator: int) -> None:
    """It differs from rounding to even only on a tie."""
    exact = Fraction(numerator, denominator)

    up = half_up(numerator, denominator)

    assert abs(up - exact) <= Fraction(1, 2)
    assert up == round(exact) or abs(up - exact) == Fraction(1, 2)


def test_a_rate_is_parts_per_million() -> None:
    """0.5 % of 1000.00 is 5.00; a tenth of 0.05 is rounded up to 0.01."""
    assert of_rate(100_000, 5000) == 500
    assert of_rate(5, 100_000) == 1


def test_money_reads_as_yuan() -> None:
    """Two digits of fen, also below one yuan and below zero."""
    assert [yuan(5), yuan(123_456), yuan(-1)] == ["0.05", "1234.56", "-0.01"]


def test_rounding_over_nothing_is_a_defect() -> None:
    """A denominator of zero is our own mistake."""
    with pytest.raises(Defect):
        half_up(1, 0)


@pytest.mark.parametrize(("value", "allowed"), [
    (-1, False), (0, True), (AMOUNT_MAX_MINOR, True), (AMOUNT_MAX_MINOR + 1, False), (2**62, False),
])
def test_an_amount_that_comes_in_is_bounded(value: int, allowed: bool) -> None:
    """From 0 to a hundred billion yuan, both inside (N9)."""
    if allowed:
        assert amount(value) == value
    else:
        with pytest.raises(InvalidArgument, match="INVALID_AMOUNT"):
            amount(value)


@pytest.mark.parametrize("most", [FUNDS_MAX_MINOR, BALANCE_MAX_MINOR])
def test_a_balance_is_bounded_above(most: int) -> None:
    """The bound is inside; below 0 other laws look."""
    assert [balance(value, most) for value in (-1, 0, most)] == [-1, 0, most]
    with pytest.raises(InvalidArgument, match="INVALID_AMOUNT"):
        balance(most + 1, most)


def test_what_can_be_stored_can_be_added_up() -> None:
    """All shares of an owner fit into 63 bits together, and a balance that is full takes a thousand amounts more."""
    assert SHARES * BALANCE_MAX_MINOR < 2**63
    assert FUNDS_MAX_MINOR + 1_000 * AMOUNT_MAX_MINOR < BALANCE_MAX_MINOR


@pytest.mark.parametrize("amounts", [(1,), (-1,), (5, -4), (3, 3, -7)])
def test_a_journal_that_does_not_balance_refuses_to_exist(amounts: tuple[int, ...]) -> None:
    """Not by one fen."""
    with pytest.raises(Defect, match="unbalanced"):
        post("op", Unit.CNY, ((f"A.{number}", "", amount) for number, amount in enumerate(amounts)))
