"""A saga as a value: who takes part, how far each has come, and what was decided. `advancing.py` moves it.

Every participant first TRIES (reserves, invisibly), the coordinator writes one decision, then every participant
CONFIRMS or CANCELS. A single participant gets one EXECUTE, and its stored answer is the decision (DESIGN 5).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.kernel.decision import Command, Timer, Vector
from services.kernel.errors import Defect
from services.kernel.messages import Op

WAKE = "saga"
"""The kind of the timer that every unfinished saga has."""

RESUME, ABORT = "resume", "abort"
"""The kinds of the timers by which a person lets a frozen saga go on, or gives up one that is not decided."""

GIVEN_UP = "OPERATOR_ABORT"
"""The reason of a saga that a person gave up."""


class Phase(StrEnum):
    """Where a saga stands. DONE and ABORTED are terminal; FROZEN waits for a person. A person gave up one that is
    CANCELLING without a decision: whether its single participant executed it before, the answer says."""

    EXECUTING = "EXECUTING"
    TRYING = "TRYING"
    CONFIRMING = "CONFIRMING"
    CANCELLING = "CANCELLING"
    DONE = "DONE"
    ABORTED = "ABORTED"
    FROZEN = "FROZEN"


EDGES: Mapping[Phase, frozenset[Phase]] = {
    Phase.EXECUTING: frozenset({Phase.DONE, Phase.ABORTED, Phase.FROZEN}),
    Phase.TRYING: frozenset({Phase.CONFIRMING, Phase.CANCELLING, Phase.FROZEN}),
    Phase.CONFIRMING: frozenset({Phase.DONE, Phase.FROZEN}),
    Phase.CANCELLING: frozenset({Phase.ABORTED, Phase.FROZEN, Phase.EXECUTING}),
    Phase.FROZEN: frozenset({Phase.EXECUTING, Phase.TRYING, Phase.CONFIRMING, Phase.CANCELLING}),
    Phase.DONE: frozenset(),
    Phase.ABORTED: frozenset(),
}
"""I3: a saga moves only along these edges (staying where it is is no move)."""

TERMINAL = frozenset({Phase.DONE, Phase.ABORTED})

class Verdict(StrEnum):
    """A participant's stored answer. PARKED says that the command was set aside for a person."""

    DONE = "DONE"
    REFUSED = "REFUSED"
    TOMBSTONED = "TOMBSTONED"
    PARKED = "PARKED"


class BranchState(StrEnum):
    """How far one participant has come. STOPPED: its second phase waits for a person."""

    SENT = "SENT"
    TRIED = "TRIED"
    REFUSED = "REFUSED"
    STOPPED = "STOPPED"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True)
class Participant:
    """One branch of a definition: the service, and how the saga's plan says whether, where, what and how much.

    `result_type` is the dataclass that the participant answers with, for storing it. `confirmed` makes the body of
    CONFIRM where it depends on what the participants answered to TRY. `digest` is what is kept of the answer once
    the saga has been over for the time of retention.
    """

    service: str
    involved: Callable[[Any], bool]
    key: Callable[[Any], str]
    command: Callable[[Any], object]
    planned: Callable[[Any], Vector]
    result_type: type = object
    confirmed: Callable[["Run"], object] | None = None
    digest: Callable[[Any], object] = lambda result: None


@dataclass(frozen=True, slots=True)
class Definition:
    """A kind of saga, pinned by version. `plan_type` is the dataclass that a run of it stores.

    Several participants are asked to TRY at once, or `in_turn`, each once all before it have: so where more than one of
    them claims a root for the saga alone, no two sagas hold what the other one waits for.
    """

    kind: str
    version: int
    plan_type: type
    participants: tuple[Participant, ...]
    in_turn: bool = False
    deadline_seconds: int = 30
    resend_seconds: int = 5
    resend_seconds_max: int = 60

    def __post_init__(self) -> None:
        names = [participant.service for participant in self.participants]
        if not names or len(set(names)) != len(names):
            raise Defect(f"saga {self.kind}: participants must be named once each, at least one")
        if min(self.deadline_seconds, self.resend_seconds) <= 0:
            raise Defect(f"saga {self.kind}: without a deadline and a resend it could stick")


@dataclass(frozen=True, slots=True)
class Branch:
    """One participant of a run. `result` is what it answered, opaque to the coordinator."""

    service: str
    state: BranchState = BranchState.SENT
    reason: str = ""
    result: object = None


@dataclass(frozen=True, slots=True)
class Run:
    """One saga. It is written only under the lock of its root, the coordinator's business object."""

    id: str
    root: str
    kind: str
    definition_version: int
    phase: Phase
    plan: Any
    branches: tuple[Branch, ...]
    started_at: datetime
    deadline_at: datetime
    decision: str = ""
    reason: str = ""
    attempts: int = 0
    updated_at: datetime | None = None
    version: int = 1

    @property
    def key(self) -> str:
        return self.id

    @property
    def terminal(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.phase in TERMINAL

    def branch(self, service: str) -> Branch | None:
        """The branch of this participant."""
        return next((b for b in self.branches if b.service == service), None)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a participant answered; the body of a message on the coordinator's reply topic."""

    saga_id: str
    branch: str
    op: Op
    verdict: Verdict
    reason: str = ""
    moved: Vector = ()
    result: object = None


@dataclass(frozen=True, slots=True)
class Progress:
    """The next state of a run, and what has to be sent. `ended` is set once, by the step that made it terminal."""

    run: Run
    commands: tuple[Command, ...] = ()
    timers: tuple[Timer, ...] = ()
    cleared: tuple[tuple[str, str], ...] = ()
    ended: bool = False
