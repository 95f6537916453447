"""A saga as a value: who takes part, and one pure `advance` for production, the simulator and recorded histories.

Every participant first TRIES (reserves, invisibly), the coordinator writes one decision, then every participant
CONFIRMS or CANCELS. A single participant gets one EXECUTE, and its stored answer is the decision (DESIGN 5).
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from services.kernel.decision import Command, Timer, Vector
from services.kernel.errors import Defect
from services.kernel.messages import Op, SagaRef, TimerDue

WAKE = "saga"
"""The kind of the timer that every unfinished saga has."""

RESUME = "resume"
"""The kind of the timer by which a person lets a frozen saga go on."""


class Phase(StrEnum):
    """Where a saga stands. DONE and ABORTED are terminal; FROZEN waits for a person."""

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
    Phase.CANCELLING: frozenset({Phase.ABORTED, Phase.FROZEN}),
    Phase.FROZEN: frozenset({Phase.EXECUTING, Phase.TRYING, Phase.CONFIRMING, Phase.CANCELLING}),
    Phase.DONE: frozenset(),
    Phase.ABORTED: frozenset(),
}
"""I3: a saga moves only along these edges (staying where it is is no move)."""

TERMINAL = frozenset({Phase.DONE, Phase.ABORTED})

_AWAITED = {
    Phase.EXECUTING: Op.EXECUTE, Phase.TRYING: Op.TRY, Phase.CONFIRMING: Op.CONFIRM, Phase.CANCELLING: Op.CANCEL,
}
"""What the participants are asked for in each phase that waits for them."""

_STOOD = {"": Phase.TRYING, "COMMIT": Phase.CONFIRMING, "ABORT": Phase.CANCELLING}
"""Where a frozen saga of several participants stood, by its decision."""


class Verdict(StrEnum):
    """A participant's stored answer. PARKED says that the command was set aside for a person."""

    DONE = "DONE"
    REFUSED = "REFUSED"
    TOMBSTONED = "TOMBSTONED"
    PARKED = "PARKED"


class BranchState(StrEnum):
    """How far one participant has come."""

    SENT = "SENT"
    TRIED = "TRIED"
    REFUSED = "REFUSED"
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
    """A kind of saga, pinned by version. `plan_type` is the dataclass that a run of it stores."""

    kind: str
    version: int
    plan_type: type
    participants: tuple[Participant, ...]
    deadline_seconds: int = 30
    resend_seconds: int = 5
    resend_seconds_max: int = 60

    def __post_init__(self) -> None:
        names = [participant.service for participant in self.participants]
        if not names or len(set(names)) != len(names):
            raise Defect(f"saga {self.kind}: participants must be named once each, at least one")
        if min(self.deadline_seconds, self.resend_seconds) <= 0:
            raise Defect(f"saga {self.kind}: without a deadline and a resend it could stick")


class Definitions:
    """The sagas that a service coordinates, by kind and version: new runs begin under the latest,
    old ones end under theirs."""

    def __init__(self, *definitions: Definition) -> None:
        self._all = {(definition.kind, definition.version): definition for definition in definitions}
        if len(self._all) != len(definitions):
            raise Defect(f"one version of a saga is defined twice in {[(d.kind, d.version) for d in definitions]}")
        self._latest: dict[str, Definition] = {}
        for key in sorted(self._all):
            self._latest[self._all[key].kind] = self._all[key]

    def __iter__(self) -> Iterator[Definition]:
        return iter(self._all.values())

    @property
    def kinds(self) -> frozenset[str]:
        """All kinds, whatever their versions."""
        return frozenset(self._latest)

    def latest(self, kind: str) -> Definition:
        """The definition under which a new run of this kind begins."""
        return self._latest[kind]

    def of(self, run: "Run") -> Definition:
        """The definition under which this run began; a defect if it is gone while runs of it live."""
        definition = self._all.get((run.kind, run.definition_version))
        if definition is None:
            raise Defect(f"saga {run.id} is of {run.kind} version {run.definition_version}, which nothing defines")
        return definition


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


def begin(definition: Definition, saga_id: str, root: str, plan: object, now: datetime) -> Progress:
    """Start a saga: EXECUTE to a single participant, TRY to each of several."""
    involved = tuple(p for p in definition.participants if p.involved(plan))
    if not involved:
        raise Defect(f"saga {definition.kind} {saga_id} has no participant")
    phase = Phase.EXECUTING if len(involved) == 1 else Phase.TRYING
    run = Run(
        id=saga_id, root=root, kind=definition.kind, definition_version=definition.version, phase=phase, plan=plan,
        branches=tuple(Branch(p.service) for p in involved), started_at=now,
        deadline_at=now + timedelta(seconds=definition.deadline_seconds), updated_at=now,
    )
    return Progress(run, _send(definition, run), (_wake(definition, run, now),))


def digested(definition: Definition, run: "Run") -> "Run":
    """The run as it is kept for ever: its outcome, its plan, and of its participants' answers what is needed still."""
    of = {participant.service: participant.digest for participant in definition.participants}
    branches = (
        replace(branch, result=None if branch.result is None else of[branch.service](branch.result))
        for branch in run.branches
    )
    return replace(run, branches=tuple(branches))


def advance(definition: Definition, run: Run, message: Reply | None, now: datetime) -> Progress:
    """Apply a reply, or (None) a wake-up: what is still awaited is sent again, and past the deadline TRYING aborts.

    A reply that is not awaited, a duplicate or a stale one, changes nothing.
    """
    if run.terminal:
        return Progress(run, cleared=((WAKE, run.id),) if message is None else ())
    moved = _woken(run, now) if message is None else _replied(definition, run, message)
    if moved is run:
        return Progress(run)
    return _after(definition, run, replace(moved, version=run.version + 1, updated_at=now), now)


def due(definition: Definition, run: Run, timer: TimerDue, now: datetime) -> Progress:
    """One of the saga's timers came true: its wake-up, or a person's word that it may go on."""
    return _resumed(definition, run, now) if timer.kind == RESUME else advance(definition, run, None, now)


def _resumed(definition: Definition, run: Run, now: datetime) -> Progress:
    """A frozen saga stands where it stood, and what is awaited is sent again; any other is left alone."""
    cleared = ((RESUME, run.id),)
    if run.phase is not Phase.FROZEN:
        return Progress(run, cleared=cleared)
    phase = Phase.EXECUTING if len(run.branches) == 1 else _STOOD[run.decision]
    refusals = [branch.reason for branch in run.branches if branch.reason]
    reason = next(iter(refusals), "DEADLINE_EXCEEDED") if phase is Phase.CANCELLING else ""
    moved = replace(run, phase=phase, reason=reason, attempts=0, version=run.version + 1, updated_at=now)
    return replace(_after(definition, run, moved, now), cleared=cleared)


def _after(definition: Definition, before: Run, run: Run, now: datetime) -> Progress:
    if run.phase is not before.phase and run.phase not in EDGES[before.phase]:
        raise Defect(f"saga {run.id}: no edge from {before.phase} to {run.phase}")
    if run.terminal:
        return Progress(run, cleared=((WAKE, run.id),), ended=True)
    resend = run.attempts > before.attempts or run.phase is not before.phase
    commands = _send(definition, run) if resend else ()
    timers = (_wake(definition, run, now),) if resend else ()
    return Progress(run, commands, timers)


def _woken(run: Run, now: datetime) -> Run:
    if run.phase is Phase.TRYING and now >= run.deadline_at:
        return _decide(run, "ABORT", "DEADLINE_EXCEEDED")
    return replace(run, attempts=run.attempts + 1)


def _replied(definition: Definition, run: Run, reply: Reply) -> Run:
    branch = run.branch(reply.branch)
    settled = (BranchState.ENDED,) if run.phase is not Phase.TRYING else (BranchState.TRIED, BranchState.REFUSED)
    if branch is None or _AWAITED.get(run.phase) is not reply.op or branch.state in settled:
        return run
    if reply.verdict is Verdict.PARKED:
        return replace(run, phase=Phase.FROZEN, reason=reply.reason)
    reserved = reply.verdict is Verdict.DONE and reply.op in (Op.TRY, Op.EXECUTE)
    if reserved and reply.moved != _planned(definition, run, reply.branch):
        return replace(run, phase=Phase.FROZEN, reason="MONEY_VECTOR_MISMATCH")
    return {Phase.EXECUTING: _executed, Phase.TRYING: _tried}.get(run.phase, _ended)(run, branch, reply)


def _executed(run: Run, branch: Branch, reply: Reply) -> Run:
    ended = _with(run, replace(branch, state=BranchState.ENDED, reason=reply.reason, result=reply.result))
    if reply.verdict is Verdict.DONE:
        return replace(ended, phase=Phase.DONE, decision="COMMIT")
    return replace(ended, phase=Phase.ABORTED, decision="ABORT", reason=reply.reason)


def _tried(run: Run, branch: Branch, reply: Reply) -> Run:
    if reply.verdict is not Verdict.DONE:
        refused = _with(run, replace(branch, state=BranchState.REFUSED, reason=reply.reason))
        return _decide(refused, "ABORT", reply.reason)
    tried = _with(run, replace(branch, state=BranchState.TRIED, result=reply.result))
    return _decide(tried, "COMMIT") if all(b.state is BranchState.TRIED for b in tried.branches) else tried


def _ended(run: Run, branch: Branch, reply: Reply) -> Run:
    if run.phase is Phase.CONFIRMING and reply.verdict is not Verdict.DONE:
        return replace(run, phase=Phase.FROZEN, reason=f"CONFIRM_REFUSED:{reply.reason}")
    result = branch.result if reply.result is None else reply.result
    ended = _with(run, replace(branch, state=BranchState.ENDED, result=result))
    if any(b.state is not BranchState.ENDED for b in ended.branches):
        return ended
    return replace(ended, phase=Phase.DONE if run.phase is Phase.CONFIRMING else Phase.ABORTED)


def _decide(run: Run, decision: str, reason: str = "") -> Run:
    """The one durable decision (R-4): written once, in the transaction of the commands that it causes."""
    if run.decision:
        raise Defect(f"saga {run.id} was decided before: {run.decision}")
    phase = Phase.CONFIRMING if decision == "COMMIT" else Phase.CANCELLING
    return replace(run, phase=phase, decision=decision, reason=reason, attempts=0)


def _with(run: Run, branch: Branch) -> Run:
    return replace(run, branches=tuple(branch if b.service == branch.service else b for b in run.branches))


def _planned(definition: Definition, run: Run, service: str) -> Vector:
    return next(p for p in definition.participants if p.service == service).planned(run.plan)


def _send(definition: Definition, run: Run) -> tuple[Command, ...]:
    """The commands still awaited in this phase. CANCEL goes to every branch
    whose TRY was ever sent, answered or not."""
    op = _AWAITED.get(run.phase)
    if op is None:
        return ()
    awaited = {BranchState.SENT} if op is Op.TRY else set(BranchState) - {BranchState.ENDED}
    open_branches = {b.service for b in run.branches if b.state in awaited}
    return tuple(
        Command(
            participant=p.service, key=p.key(run.plan), body=_body(p, run, op),
            saga=SagaRef(run.id, p.service, op),
            not_after=run.deadline_at if op is Op.TRY else None,
        )
        for p in definition.participants if p.service in open_branches
    )


def _body(participant: Participant, run: Run, op: Op) -> object:
    if op is Op.CONFIRM and participant.confirmed is not None:
        return participant.confirmed(run)
    return participant.command(run.plan)


def _wake(definition: Definition, run: Run, now: datetime) -> Timer:
    """The next wake-up: exponential, capped, spread by a hash of the id so that sagas do not wake in step."""
    seconds = min(definition.resend_seconds * 2 ** min(run.attempts, 10), definition.resend_seconds_max)
    spread = zlib.crc32(f"{run.id}/{run.attempts}".encode()) % 1000 / 1000
    due_at = now + timedelta(seconds=seconds * (1 + spread / 2))
    if run.phase is Phase.TRYING:
        due_at = min(due_at, run.deadline_at)
    return Timer(WAKE, run.id, run.root, due_at)
