"""Amounts of commands, fen: what is none is refused where it is read."""

from services.kernel.errors import InvalidArgument


def positive(amount_minor: int) -> int:
    """The amount, if it is one; INVALID_AMOUNT otherwise."""
    if amount_minor <= 0:
        raise InvalidArgument("INVALID_AMOUNT", f"{amount_minor} is not a positive amount")
    return amount_minor


def not_negative(amount_minor: int) -> int:
    """The amount, if it is none below 0; INVALID_AMOUNT otherwise."""
    if amount_minor < 0:
        raise InvalidArgument("INVALID_AMOUNT", f"{amount_minor} is negative")
    return amount_minor
