"""The states that gift cards can be in (DOMAIN 2.9)."""

from enum import StrEnum


class CardState(StrEnum):
    """How much of its face a card still holds."""

    ACTIVE = "ACTIVE"
    PARTIALLY_USED = "PARTIALLY_USED"
    EXHAUSTED = "EXHAUSTED"
