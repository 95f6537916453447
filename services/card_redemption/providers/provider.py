"""What every verification provider promises: say what a card is worth, once under each key, and say the same again."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.domain.verification import Finding, Releasing
from services.kernel.secret import Secret


@dataclass(frozen=True, slots=True)
class Question:
    """A card to verify. The codes are in the clear only in the adapter that sends them, and never shown."""

    key: str
    card_id: str
    issuer: str
    code: Secret
    verification_code: Secret
    entry: EntryChannel
    expected_minor: int = 0


class Answer(NamedTuple):
    """What it says; of FOUND the face, of CONSUMED what is left, for people a detail that holds no code."""

    finding: Finding
    face_minor: int = 0
    detail: str = ""


class VerificationProvider(Protocol):
    """Whoever can tell what cards of an issuer are worth. An answer that does not come is UNKNOWN: it is asked about
    under its key, never asked anew under another. No code is opened for one that does not need it."""

    @property
    def needs_codes(self) -> bool: ...

    async def verify(self, question: Question) -> Answer:
        """Ask about a card; the same key is verified once, however often it is asked."""
        ...

    async def query(self, key: str) -> Answer | None:
        """Ask what became of it; None if the provider never heard of it."""
        ...

    async def release(self, key: str) -> tuple[Releasing, str]:
        """Ask to let go of the code that was verified (OP-7); answers a detail for people."""
        ...
