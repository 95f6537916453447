"""Asking a provider what a card is worth (核验): what is asked once that was committed, and what comes back.

The code is in neither: who asks fetches it just before, and forgets it (RD-1).
"""

from dataclasses import dataclass
from enum import StrEnum

from services.card_redemption.domain.record.attempt import EntryChannel


class Finding(StrEnum):
    """What a provider says of a card."""

    FOUND = "FOUND"
    """It is worth `face_minor`."""
    CONSUMED = "CONSUMED"
    """It was spent, wholly or in part: `face_minor` is what is left (RD-25)."""
    INVALID = "INVALID"
    """There is no such card, or the codes do not belong together."""
    REFUSED = "REFUSED"
    """It will not say, for good."""
    PENDING = "PENDING"
    """It has the question and works on it: ask again under the same key."""
    UNKNOWN = "UNKNOWN"
    """No answer came: ask again under the same key."""
    CONTRADICTORY = "CONTRADICTORY"
    """It said two things under one key; nobody is paid on either."""

    @property
    def final(self) -> bool:
        """Whether asking again brings nothing new."""
        return self not in (Finding.PENDING, Finding.UNKNOWN)


@dataclass(frozen=True, slots=True)
class AskProvider:
    """An action: ask the provider of this issuer about the card of an order, under an idempotency key that is never
    another for the same order. `asked_before` says that it may have the question already, `expected_minor` what the
    customer says that the card is worth."""

    card_id: str
    order_id: str
    key: str
    issuer: str
    entry: EntryChannel
    asked_before: bool = False
    expected_minor: int = 0


@dataclass(frozen=True, slots=True)
class ReportVerification:
    """A message: what the provider answered to `AskProvider`."""

    card_id: str
    order_id: str
    key: str
    finding: Finding
    face_minor: int = 0
    detail: str = ""


class Releasing(StrEnum):
    """Whether a provider gave a verified code back (OP-7)."""

    RELEASED = "RELEASED"
    NOT_RELEASED = "NOT_RELEASED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class AskRelease:
    """An action: ask the provider to let go of the code that it verified under this key."""

    card_id: str
    order_id: str
    key: str
    issuer: str


@dataclass(frozen=True, slots=True)
class ReportRelease:
    """A message: what the provider answered to `AskRelease`."""

    card_id: str
    order_id: str
    key: str
    releasing: Releasing
    detail: str = ""
