"""Who verifies the cards of other issuers: late, silent though it has read the code, and now and then of two minds."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.verification import AskProvider, AskRelease, Finding, Releasing
from services.card_redemption.providers.asking import NO_CODES, OTHERS, performing
from services.card_redemption.providers.own import OwnCards
from services.card_redemption.providers.provider import Answer, Question
from services.kernel.messages import Message
from services.kernel.secret import Secret
from settle.simulation.agenda import MINUTE
from settle.simulation.at_once import at_once

if TYPE_CHECKING:
    from settle.simulation.world import World

OTHERWISE = (Finding.CONSUMED, Finding.INVALID, Finding.REFUSED)
KEEPING = 500
"""Of a thousand codes that it is asked to let go of, those that it keeps, while anything fails."""


@dataclass(slots=True)
class Reading:
    """What it says of a code, under the key of its order; before `ready_at` it works on it."""

    answer: Answer
    ready_at: int


class _NoCodes:
    """No code is opened in a simulated world: the provider knows the cards by name."""

    async def codes_of(self, card_id: str, order_id: str) -> tuple[Secret, Secret]:
        return NO_CODES


class Provider:
    """The provider, as `VerificationProvider` sees it. `faces` are what the cards are worth in truth, `released` the
    keys of the codes that it let go of."""

    needs_codes = False

    def __init__(self, world: "World") -> None:
        self._world = world
        self._track = world.tape.track("provider")
        self._perform = performing({"": OwnCards(self._find), OTHERS: self}, _NoCodes())
        self._readings: dict[str, Reading] = {}
        self._number = 0
        self.faces: dict[str, int] = {}
        self.released: set[str] = set()
        self._kept: set[str] = set()
        self._denied: set[str] = set()

    def done(self, action: AskProvider | AskRelease) -> Message | None:
        """Ask, or ask again; answers the report, if there is one."""
        message = at_once(self._perform(action))
        if message is not None and getattr(message.body, "finding", None) is Finding.CONTRADICTORY:
            self._world.reached.note("provider_contradicted")
        self._number += 1
        return None if message is None else replace(message, fresh_id=f"{self._number:08x}" + "e" * 24)

    async def verify(self, question: Question) -> Answer:
        """Read a code, once for each key; its answer may not come, whether it was read or not."""
        silent = self._track.chance(self._world.faults.silent)
        if silent and self._track.below(2):
            return self._silent()
        if question.key not in self._readings:
            self._readings[question.key] = self._read(question)
        return self._silent() if silent else self._said(question.key)

    async def query(self, key: str) -> Answer | None:
        """What became of a code; None if it was never asked to read it."""
        if key not in self._readings:
            return None
        if self._track.chance(self._world.faults.silent):
            return self._silent()
        said = self._said(key)
        if said.finding.final and self._track.chance(self._world.faults.contradicting):
            return Answer(Finding.FOUND, said.face_minor + 1)
        return said

    async def release(self, key: str) -> tuple[Releasing, str]:
        """Let go of a code: what it did once it has done, whether its answer comes or not. It keeps some, and now and
        then says no once to what it let go of."""
        if key not in self._readings:
            return Releasing.NOT_RELEASED, "it was never read"
        if self._track.chance(self._world.faults.silent) and self._track.below(2):
            return Releasing.UNKNOWN, "no answer"
        if key in self.released and key not in self._denied and self._track.chance(self._world.faults.contradicting):
            self._denied.add(key)
            self._world.reached.note("provider_contradicted")
            return Releasing.NOT_RELEASED, "it was read"
        if key in self._kept or (key not in self.released and self._track.chance(0 if self._world.quiet else KEEPING)):
            self._kept.add(key)
            return Releasing.NOT_RELEASED, "it was read"
        self.released.add(key)
        silent = self._track.chance(self._world.faults.silent)
        return (Releasing.UNKNOWN, "no answer") if silent else (Releasing.RELEASED, "")

    async def _find(self, card_id: str) -> GiftCard | None:
        card: GiftCard | None = self._world.stores["card_redemption"].rows[GiftCard].get(card_id)
        return card

    def _read(self, question: Question) -> Reading:
        face, wait = self.faces.get(question.card_id, 0), 0
        if self._track.chance(self._world.faults.silent):
            self._world.reached.note("provider_late")
            wait = MINUTE + self._track.below(2 * MINUTE)
        if self._track.chance(self._world.faults.refusing):
            finding = self._track.pick(OTHERWISE)
            return Reading(Answer(finding, face // 2 if finding is Finding.CONSUMED else 0), self._now + wait)
        return Reading(Answer(Finding.FOUND if face else Finding.INVALID, face), self._now + wait)

    def _said(self, key: str) -> Answer:
        reading = self._readings[key]
        return reading.answer if self._now >= reading.ready_at else Answer(Finding.PENDING)

    def _silent(self) -> Answer:
        self._world.reached.note("provider_silent")
        return Answer(Finding.UNKNOWN, detail="no answer")

    @property
    def _now(self) -> int:
        return self._world.agenda.now
