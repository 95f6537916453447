"""The steps of a saga: one pure `advance` for production, the simulator and recorded histories.

`begin` starts a run, `advance` applies an answer or a wake-up, `due` any of its timers. Each answers the next state of
the run, and what has to be sent and set with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from services.kernel.backoff import pause
from services.kernel.decision import Command, Timer, Vector
from services.kernel.errors import Defect
from services.kernel.messages import Op, SagaRef, TimerDue
from services.kernel.saga import (
    ABORT,
    EDGES,
    GIVEN_UP,
    RESUME,
    WAKE,
    Branch,
    BranchState,
    Definition,
    Participant,
    Phase,
    Progress,
    Reply,
    Run,
    Verdict,
)

_AWAITED = {
    Phase.EXECUTING: Op.EXECUTE, Phase.TRYING: Op.TRY, Phase.CONFIRMING: Op.CONFIRM, Phase.CANCELLING: Op.CANCEL,
}
"""What the participants are asked for in each phase that waits for them."""

_STOOD = {"": Phase.TRYING, "COMMIT": Phase.CONFIRMING, "ABORT": Phase.CANCELLING}
"""Where a frozen saga of several participants stood, by its decision."""


def begin(definition: Definition, saga_id: str, root: str, plan: object, now: datetime) -> Progress:
    """Start a saga: EXECUTE to a single participant, TRY to each of several, or to the first of those in turn."""
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


def advance(definition: Definition, run: Run, message: Reply | None, now: datetime) -> Progress:
    """Apply a reply, or (None) a wake-up: what is still awaited is sent again, and past the deadline what several
    participants were asked to TRY is given up, frozen or not, so that no claim outlives it.

    A reply that is not awaited, a duplicate or a stale one, changes nothing.
    """
    if run.terminal:
        return Progress(run, cleared=((WAKE, run.id),) if message is None else ())
    moved = _woken(run, now) if message is None else _replied(definition, run, message)
    if moved is run:
        return Progress(run)
    return _after(definition, run, replace(moved, version=run.version + 1, updated_at=now), now)


def due(definition: Definition, run: Run, timer: TimerDue, now: datetime) -> Progress:
    """One of the saga's timers came true: its wake-up, or a person's word that it may go on or is given up."""
    by_hand = {RESUME: _resumed, ABORT: _given_up}.get(timer.kind)
    if by_hand is None:
        return advance(definition, run, None, now)
    cleared = ((timer.kind, run.id),)
    moved = by_hand(run)
    if moved is run:
        return Progress(run, cleared=cleared)
    moved = replace(moved, version=run.version + 1, updated_at=now)
    return replace(_after(definition, run, moved, now), cleared=cleared)


def _resumed(run: Run) -> Run:
    """A frozen saga stands where it stood, and what is awaited is sent again; any other is left alone."""
    if run.phase is not Phase.FROZEN:
        return run
    phase = _stood(run)
    refusals = [branch.reason for branch in run.branches if branch.reason]
    reason = next(iter(refusals), "DEADLINE_EXCEEDED") if phase is Phase.CANCELLING else ""
    again = BranchState.TRIED if phase is Phase.CONFIRMING else BranchState.SENT
    branches = tuple(replace(b, state=again) if b.state is BranchState.STOPPED else b for b in run.branches)
    return replace(run, phase=phase, branches=branches, reason=reason, attempts=0)


def _given_up(run: Run) -> Run:
    """A person gives up a frozen saga that is not decided; what is decided is never taken back (R-4).

    Several participants are decided for at once. A single one decides by its own answer: CANCEL finds its EXECUTE never
    done, and forbids it for good, or done, and then the saga goes on.
    """
    if run.phase is not Phase.FROZEN or run.decision:
        return run
    if len(run.branches) > 1:
        return _decide(run, "ABORT", GIVEN_UP)
    return replace(run, phase=Phase.CANCELLING, reason=GIVEN_UP, attempts=0)


def _stood(run: Run) -> Phase:
    """The phase; of a frozen saga, that in which it was frozen."""
    if run.phase is not Phase.FROZEN:
        return run.phase
    return Phase.EXECUTING if len(run.branches) == 1 else _STOOD[run.decision]


def _after(definition: Definition, before: Run, run: Run, now: datetime) -> Progress:
    if run.phase is not before.phase and run.phase not in EDGES[before.phase]:
        raise Defect(f"saga {run.id}: no edge from {before.phase} to {run.phase}")
    if run.terminal:
        return Progress(run, cleared=((WAKE, run.id),), ended=True)
    froze = run.phase is Phase.FROZEN and before.phase is not Phase.FROZEN
    resend = run.attempts > before.attempts or run.phase is not before.phase
    next_in_turn = definition.in_turn and run.phase is Phase.TRYING
    commands = _send(definition, run) if (resend or next_in_turn) and not froze else ()
    timers = (_wake(definition, run, now),) if resend else ()
    return Progress(run, commands, timers)


def _woken(run: Run, now: datetime) -> Run:
    if _stood(run) is Phase.TRYING and now >= run.deadline_at:
        return _decide(run, "ABORT", run.reason or "DEADLINE_EXCEEDED")
    return replace(run, attempts=run.attempts + 1)


def _replied(definition: Definition, run: Run, reply: Reply) -> Run:
    branch = run.branch(reply.branch)
    if branch is None or _awaited(run) is not reply.op or not _open(run, branch):
        return run
    reserved = reply.verdict is Verdict.DONE and reply.op in (Op.TRY, Op.EXECUTE)
    if reserved and reply.moved != _planned(definition, run, reply.branch):
        return replace(run, phase=Phase.FROZEN, reason="MONEY_VECTOR_MISMATCH")
    return _ANSWERED[reply.op](run, branch, reply)


def _awaited(run: Run) -> Op | None:
    """What participants are asked for; also while a decided saga is frozen, for one that waits must not hold the
    claims of the others."""
    frozen_undecided = run.phase is Phase.FROZEN and not run.decision
    return None if frozen_undecided else _AWAITED.get(_stood(run))


def _open(run: Run, branch: Branch) -> bool:
    """Whether the answer of this branch is still awaited."""
    if run.phase is Phase.TRYING:
        return branch.state is BranchState.SENT
    return branch.state not in (BranchState.ENDED, BranchState.STOPPED)


def _executed(run: Run, branch: Branch, reply: Reply) -> Run:
    """The answer of a single participant is the decision; one that was set aside may be decided yet."""
    if reply.verdict is Verdict.PARKED:
        return replace(run, phase=Phase.FROZEN, reason=reply.reason)
    ended = _with(run, replace(branch, state=BranchState.ENDED, reason=reply.reason, result=reply.result))
    if reply.verdict is Verdict.DONE:
        return replace(ended, phase=Phase.DONE, decision="COMMIT", reason="")
    return replace(ended, phase=Phase.ABORTED, decision="ABORT", reason=reply.reason)


def _tried(run: Run, branch: Branch, reply: Reply) -> Run:
    """A TRY that was refused, or set aside, aborts: nothing is done yet, and others wait for what it claimed."""
    if reply.verdict is not Verdict.DONE:
        refused = _with(run, replace(branch, state=BranchState.REFUSED, reason=reply.reason))
        return _decide(refused, "ABORT", reply.reason)
    tried = _with(run, replace(branch, state=BranchState.TRIED, result=reply.result))
    return _decide(tried, "COMMIT") if all(b.state is BranchState.TRIED for b in tried.branches) else tried


def _confirmed(run: Run, branch: Branch, reply: Reply) -> Run:
    if reply.verdict is not Verdict.DONE:
        reason = reply.reason if reply.verdict is Verdict.PARKED else f"CONFIRM_REFUSED:{reply.reason}"
        return _stopped(run, branch, reason)
    return _ended(run, branch, reply, Phase.DONE)


def _cancelled(run: Run, branch: Branch, reply: Reply) -> Run:
    if reply.verdict is Verdict.DONE:
        return replace(_ended(run, branch, reply, Phase.ABORTED), decision="ABORT")
    if reply.verdict is Verdict.REFUSED and not run.decision:  # it was executed before it was given up
        return replace(run, phase=Phase.EXECUTING, attempts=0)
    reason = reply.reason if reply.verdict is Verdict.PARKED else f"CANCEL_REFUSED:{reply.reason}"
    return _stopped(run, branch, reason)


_ANSWERED: Mapping[Op, Callable[[Run, Branch, Reply], Run]] = {
    Op.EXECUTE: _executed, Op.TRY: _tried, Op.CONFIRM: _confirmed, Op.CANCEL: _cancelled,
}


def _stopped(run: Run, branch: Branch, reason: str) -> Run:
    """One branch waits for a person, the saga with it; the others are still asked."""
    if not run.decision:
        return replace(run, phase=Phase.FROZEN, reason=reason)
    return replace(_with(run, replace(branch, state=BranchState.STOPPED)), phase=Phase.FROZEN, reason=reason)


def _ended(run: Run, branch: Branch, reply: Reply, terminal: Phase) -> Run:
    result = branch.result if reply.result is None else reply.result
    ended = _with(run, replace(branch, state=BranchState.ENDED, result=result))
    return replace(ended, phase=terminal) if all(b.state is BranchState.ENDED for b in ended.branches) else ended


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
    """The commands still awaited. CANCEL goes to every branch whose TRY was ever sent, answered or not, and to those
    whose turn had not come, for another release may have asked them."""
    op = _awaited(run)
    if op is None:
        return ()
    open_branches = {b.service for b in run.branches if _open(run, b)}
    asked = [p for p in definition.participants if p.service in open_branches]
    if definition.in_turn and op is Op.TRY:
        del asked[1:]
    return tuple(
        Command(
            participant=p.service, key=p.key(run.plan), body=_body(p, run, op),
            saga=SagaRef(run.id, p.service, op),
            not_after=run.deadline_at if op is Op.TRY else None,
        )
        for p in asked
    )


def _body(participant: Participant, run: Run, op: Op) -> object:
    if op is Op.CONFIRM and participant.confirmed is not None:
        return participant.confirmed(run)
    return participant.command(run.plan)


def _wake(definition: Definition, run: Run, now: datetime) -> Timer:
    """The next wake-up; while a saga tries, its deadline at the latest."""
    first, most = definition.resend_seconds, definition.resend_seconds_max
    due_at = now + pause(run.id, run.attempts, first_seconds=first, most_seconds=most)
    if _stood(run) is Phase.TRYING:
        due_at = min(due_at, run.deadline_at)
    return Timer(WAKE, run.id, run.root, due_at)
