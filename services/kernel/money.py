"""Money is integer fen; here is the one rounding that turns a fraction of a fen into fen (CV-1, CV-2).

    half_up(5, 2) == 3
"""

from services.kernel.errors import Defect, InvalidArgument

PPM = 1_000_000
"""The denominator of every rate: 1 000 000 ppm are 100 %."""


AMOUNT_MAX_MINOR = 10**13
"""No amount, fee or price that comes in is more fen than this, a hundred billion yuan;
nor is a sum that one request makes."""

FUNDS_MAX_MINOR = 10**16
"""What comes in from outside fills no balance above this."""

BALANCE_MAX_MINOR = 5 * 10**17
"""No balance that is stored is above this, whatever comes back to it: even all shares of an owner sum to 63 bits."""


def amount(amount_minor: int, what: str = "an amount") -> int:
    """The amount, if it may come in: from 0 to `AMOUNT_MAX_MINOR`; INVALID_AMOUNT otherwise."""
    if not 0 <= amount_minor <= AMOUNT_MAX_MINOR:
        raise InvalidArgument("INVALID_AMOUNT", f"{what} of {amount_minor} fen: at least 0, at most {AMOUNT_MAX_MINOR}")
    return amount_minor


def balance(balance_minor: int, most_minor: int = BALANCE_MAX_MINOR, what: str = "a balance") -> int:
    """The balance, if it may come to that; INVALID_AMOUNT above it."""
    if balance_minor > most_minor:
        raise InvalidArgument(
            "INVALID_AMOUNT", f"{what} would come to {balance_minor} fen, and {most_minor} is the most"
        )
    return balance_minor


def half_up(numerator: int, denominator: int) -> int:
    """The nearest integer of a fraction, ties away from zero (CV-2)."""
    if denominator <= 0:
        raise Defect(f"rounding over {denominator}")
    if numerator < 0:
        return -half_up(-numerator, denominator)
    return (2 * numerator + denominator) // (2 * denominator)


def of_rate(amount_minor: int, rate_ppm: int) -> int:
    """A rate of an amount, `half_up`."""
    return half_up(amount_minor * rate_ppm, PPM)


def yuan(amount_minor: int) -> str:
    """Fen as yuan for people: 123456 -> "1234.56"."""
    sign = "-" if amount_minor < 0 else ""
    whole, fen = divmod(abs(amount_minor), 100)
    return f"{sign}{whole}.{fen:02d}"
