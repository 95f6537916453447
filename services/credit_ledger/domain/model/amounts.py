"""Amounts of commands, fen: what is none, or above all bounds, is refused where it is read."""

from services.kernel.errors import InvalidArgument
from services.kernel.money import FUNDS_MAX_MINOR, amount, balance


def positive(amount_minor: int, accepted: bool = False) -> int:
    """The amount, if it is one, or was accepted as one before; INVALID_AMOUNT otherwise."""
    if amount_minor <= 0:
        raise InvalidArgument("INVALID_AMOUNT", f"{amount_minor} is not a positive amount")
    return amount_minor if accepted else amount(amount_minor)


def not_negative(amount_minor: int, accepted: bool = False) -> int:
    """The amount, if it is none below 0, or was accepted before; INVALID_AMOUNT otherwise."""
    return amount_minor if accepted else amount(amount_minor)


def filled(balance_minor: int) -> int:
    """The balance, if what comes in from outside may fill it so far; INVALID_AMOUNT otherwise."""
    return balance(balance_minor, FUNDS_MAX_MINOR)
