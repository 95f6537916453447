"""Calls: what people ask, when, and what they are told; all of it is kept, for a history has to make sense."""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from services.kernel.decision import Refused
from services.kernel.messages import Message
from services.kernel.saga import Verdict
from services.runtime.stored.inbox import Answered
from settle.simulation.agenda import MS, SECOND, Signal, Steps

if TYPE_CHECKING:
    from settle.simulation.world import World

REUSED = "REQUEST_ID_REUSED"
SECONDS = 30.0
"""A caller's deadline."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a caller is told: the reason why not, or "" and the result's own bytes; `answered` is the stored answer."""

    reason: str
    answered: Answered | None = None


@dataclass(slots=True)
class Request:
    """One request, however often it is sent. `told` are all definite answers to it, with the times."""

    id: str
    service: str
    key: str
    body: object
    asked_at: int
    told: list[tuple[int, int, Answered]] = field(default_factory=list)


class Waiting:
    """One call under way: the caller waits for the answer, its deadline, or the end of the process."""

    __slots__ = ("_done", "signal")

    def __init__(self) -> None:
        self.signal = Signal()
        self._done = False

    def done(self) -> bool:
        """Whether it waits no longer."""
        return self._done

    def set_result(self, result: Answered) -> None:
        """It is answered."""
        self._tell(result)

    def set_exception(self, exception: Exception) -> None:
        """It was not decided."""
        self._tell(exception)

    def gone(self) -> None:
        """The process, or the caller's patience, is over."""
        self._tell(None)

    def _tell(self, what: object) -> None:
        if not self._done:
            self._done = True
            self.signal.ring(what)


class Desk:
    """Where people call. `requests` is the history."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._number = 0
        self.requests: dict[str, Request] = {}
        self.track = world.tape.track("people's clicks")

    def ask(self, service: str, key: str, body: object, request_id: str = "") -> Steps:
        """Call until there is an answer, under one request id; now and then twice at once. Answers what was told."""
        self._number += 1
        request_id = request_id or f"req-{self._number}"
        request = self.requests.setdefault(
            request_id, Request(request_id, service, key, body, self._world.agenda.now)
        )
        if self.track.chance(self._world.swarm.twice):
            self._world.agenda.start(self._once(request, self.track.below(20) * MS))
        told = yield from self._until_answered(request)
        return told

    def again(self, request_id: str, body: object) -> Steps:
        """The same id with another body: a mistake of the caller, who is told so and never what became of the first."""
        asked = self.requests[request_id]
        answered = yield from self._send(Request(asked.id, asked.service, asked.key, body, asked.asked_at), keep=False)
        if not isinstance(answered, Answered):
            return
        self._world.reached.note("request_id_reused")
        if reason_of(answered) != REUSED:
            self._world.fail("reused", f"{request_id} was used for another body, and told {answered}")

    def _once(self, request: Request, delay: int) -> Steps:
        yield delay
        yield from self._send(request)

    def _until_answered(self, request: Request) -> Steps:
        patience = SECOND // 2
        while True:
            answered = yield from self._send(request)
            if isinstance(answered, Answered):
                refused = answered.verdict is Verdict.REFUSED
                return Told(answered.refusal.reason if refused else "", answered)
            self._world.reached.note("customer_gone")
            yield patience
            patience = min(2 * patience, 4 * SECOND)

    def _send(self, request: Request, keep: bool = True) -> Steps:
        world = self._world
        living = [process for process in world.processes[request.service] if process.alive]
        if not living:
            return None
        process, waiting = living[self.track.below(len(living))], Waiting()
        self._number += 1
        message = Message(request.id, request.key, request.body, f"{self._number:032x}")
        invoked = world.agenda.now
        process.call(message, waiting, hash_of(request.body), SECONDS)
        world.agenda.after(int(SECONDS) * SECOND, lambda _: waiting.gone())
        answered = yield waiting.signal
        process.callers.pop(waiting, None)
        if keep and isinstance(answered, Answered):
            if request.told:
                world.reached.note("duplicate_call")
            request.told.append((invoked, world.agenda.now, answered))
        return answered


Answer = Callable[[Any], None]


def hash_of(body: object) -> bytes:
    """Whether two requests are the same."""
    return blake2b(type(body).__name__.encode() + msgspec.json.encode(body), digest_size=16).digest()


def reason_of(answered: Answered) -> str:
    """Why it was refused, or ""."""
    refusal: Refused | None = answered.refusal if answered.verdict is Verdict.REFUSED else None
    return refusal.reason if refusal else ""
