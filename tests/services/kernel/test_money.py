"""Rounding is exact and in one place (CV-1, CV-2)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.errors import Defect
from services.kernel.money import half_up, of_rate, yuan


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
