"""Money: integer fen with a currency, and the one rounding that turns a fraction of a fen into fen (CV-1, CV-2).

    half_up(5, 2) == 3          rounded(5, 2, Rounding.HALF_EVEN) == 2
"""

from dataclasses import dataclass
from enum import StrEnum

from services.kernel.errors import Defect, InvalidArgument

PPM = 1_000_000
"""The denominator of every rate: 1 000 000 ppm are 100 %."""

AMOUNT_MINOR_MAX = 2**63 - 1
"""The largest amount that a book can hold (CV-1: signed 64-bit fen)."""


class Rounding(StrEnum):
    """How a computed amount becomes whole fen; HALF_UP (四舍五入) is ours, HALF_EVEN is Fineract's default."""

    HALF_UP = "HALF_UP"
    HALF_EVEN = "HALF_EVEN"


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount at the edges; inside, bare integers end in `_minor`."""

    minor_units: int
    currency: str = "CNY"

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor_units + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor_units - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor_units, self.currency)

    def __str__(self) -> str:
        sign = "-" if self.minor_units < 0 else ""
        return f"{sign}{yuan(abs(self.minor_units))} {self.currency}"

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise InvalidArgument("INVALID_ARGUMENT", f"{other.currency} does not add to {self.currency}")
        return other.minor_units


def half_up(numerator: int, denominator: int) -> int:
    """The nearest integer of a fraction, ties away from zero (CV-2)."""
    if denominator <= 0:
        raise Defect(f"rounding over {denominator}")
    if numerator < 0:
        return -half_up(-numerator, denominator)
    return (2 * numerator + denominator) // (2 * denominator)


def rounded(numerator: int, denominator: int, mode: Rounding = Rounding.HALF_UP) -> int:
    """The nearest integer of a fraction; `mode` says where a tie goes."""
    if mode is Rounding.HALF_UP:
        return half_up(numerator, denominator)
    if denominator <= 0:
        raise Defect(f"rounding over {denominator}")
    whole, rest = divmod(numerator, denominator)
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1))


def of_rate(amount_minor: int, rate_ppm: int) -> int:
    """A rate of an amount, `half_up`."""
    return half_up(amount_minor * rate_ppm, PPM)


def yuan(amount_minor: int) -> str:
    """Fen as yuan for people: 123456 -> "1234.56"."""
    sign = "-" if amount_minor < 0 else ""
    whole, fen = divmod(abs(amount_minor), 100)
    return f"{sign}{whole}.{fen:02d}"
