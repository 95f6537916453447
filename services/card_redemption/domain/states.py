"""The states that gift cards can be in (DOMAIN 2.9)."""

from enum import StrEnum


class CardStanding(StrEnum):
    """What may be done with a card, whatever it is worth."""

    ISSUED = "ISSUED"
    """Sold, and not activated yet."""
    ACTIVE = "ACTIVE"
    CLAIMED = "CLAIMED"
    """A redemption, or its closing, has it: nothing is spent of it."""
    FROZEN = "FROZEN"
    TRANSFER_PENDING = "TRANSFER_PENDING"
    """Given to somebody who has not activated it."""
    WRITTEN_OFF = "WRITTEN_OFF"
    """核销: a redemption paid for it, and its code is dead."""
    VOID = "VOID"
    CLOSED = "CLOSED"


class CardState(StrEnum):
    """Where a card stands, as callers see it: its standing, or, while it is active, how much of its face is left."""

    ISSUED = "ISSUED"
    ACTIVE = "ACTIVE"
    PARTIALLY_USED = "PARTIALLY_USED"
    EXHAUSTED = "EXHAUSTED"
    CLAIMED = "CLAIMED"
    FROZEN = "FROZEN"
    TRANSFER_PENDING = "TRANSFER_PENDING"
    WRITTEN_OFF = "WRITTEN_OFF"
    VOID = "VOID"
    CLOSED = "CLOSED"
