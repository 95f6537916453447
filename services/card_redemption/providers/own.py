"""Cards of ours are verified by ourselves: by their value and state in our own book (RD-1)."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.verification import Finding, Releasing
from services.card_redemption.providers.provider import Answer, Question, VerificationProvider

FindCard = Callable[[str], Awaitable[GiftCard | None]]
"""Reads a card, and locks nothing: the decision that the answer leads to looks again, under the lock."""


class OwnCards:
    """Reads the card. Where a sandbox stands beside us it is asked instead, with what the card holds as what is to be
    expected, so that a trial can have it say another thing."""

    needs_codes = False

    def __init__(self, find: FindCard, sandbox: VerificationProvider | None = None) -> None:
        self._find, self._sandbox = find, sandbox

    async def verify(self, question: Question) -> Answer:
        """What the card holds."""
        held = _held(await self._find(question.card_id))
        if self._sandbox is None or held.finding is not Finding.FOUND:
            return held
        return await self._sandbox.verify(replace(question, expected_minor=held.face_minor))

    async def query(self, key: str) -> Answer | None:
        """Of our own book nobody keeps what it said: it is read again."""
        return None if self._sandbox is None else await self._sandbox.query(key)

    async def release(self, key: str) -> tuple[Releasing, str]:
        """The value of a card of ours comes back under a new code; nobody has to agree."""
        return Releasing.RELEASED, ""


def _held(card: GiftCard | None) -> Answer:
    if card is None:
        return Answer(Finding.INVALID, detail="no card of ours")
    return Answer(Finding.FOUND if card.balance_minor else Finding.CONSUMED, card.balance_minor)
