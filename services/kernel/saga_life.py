"""The life of a saga and of a notice as tables: what wakes them, and what of a run contradicts its phase."""

from collections.abc import Iterator
from datetime import timedelta

from services.kernel.lifecycle import Flaw, Lifecycle, Wait, unless
from services.kernel.notices import NOTICE, REPEAT_SECONDS_MAX
from services.kernel.saga import ABORT, EDGES, RESUME, WAKE, BranchState, Phase, Run

RESEND_SECONDS_MAX = 60
"""The longest pause of every saga that we define, but for the half of it that a hash adds."""

DEADLINE_SECONDS_MAX = 30
"""Longer than this no saga that we define tries."""

_LONGER = 1.5
BY_HAND = (RESUME, ABORT)
"""The timers by which a person lets an open saga go on: they may be there, and come at once."""

_SAYS = {
    (Phase.EXECUTING, Phase.DONE): "done", (Phase.EXECUTING, Phase.ABORTED): "refused",
    (Phase.TRYING, Phase.CONFIRMING): "all tried", (Phase.TRYING, Phase.CANCELLING): "one refused, or 30 s are over",
    (Phase.CONFIRMING, Phase.DONE): "all confirmed", (Phase.CANCELLING, Phase.ABORTED): "all cancelled",
    (Phase.CANCELLING, Phase.EXECUTING): "given up, but it was executed",
}
_DECISION = {Phase.CONFIRMING: "COMMIT", Phase.DONE: "COMMIT", Phase.ABORTED: "ABORT"}
_OPEN = tuple(phase for phase in Phase if phase not in (Phase.DONE, Phase.ABORTED))


def _says(before: Phase, after: Phase) -> str:
    if after is Phase.FROZEN:
        return "set aside, or a wrong answer"
    return _SAYS.get((before, after), "a person lets it go on" if before is Phase.FROZEN else "")


def _waits(run: Run) -> Iterator[Wait]:
    if not run.terminal:
        pause = timedelta(seconds=RESEND_SECONDS_MAX * _LONGER)
        yield Wait(WAKE, run.id, run.root, (run.updated_at or run.started_at) + pause)


def _flaws(run: Run) -> Iterator[Flaw]:
    phase, alone = run.phase, len(run.branches) == 1
    given_up = phase is Phase.CANCELLING and alone
    if phase is not Phase.FROZEN:
        expected = "" if given_up else _DECISION.get(phase, "ABORT" if phase is Phase.CANCELLING else "")
        yield from unless(run.decision == expected, "decision", f"{expected or 'none'} while {phase}",
                          run.decision or "none")
    yield from unless(phase is not Phase.EXECUTING or alone, "branches", "one while EXECUTING", len(run.branches))
    two_phase = (Phase.TRYING, Phase.CONFIRMING)
    yield from unless(phase not in two_phase or not alone, "branches", f"several while {phase}", len(run.branches))
    ended = all(branch.state is BranchState.ENDED for branch in run.branches)
    yield from unless(not run.branches or ended == run.terminal, "branches",
                      f"all ENDED {'while' if run.terminal else 'only at an end, not while'} {phase}",
                      ", ".join(f"{branch.service} {branch.state}" for branch in run.branches))
    longest = run.started_at + timedelta(seconds=DEADLINE_SECONDS_MAX)
    yield from unless(run.started_at <= run.deadline_at <= longest, "deadline_at", f"at most {longest}",
                      run.deadline_at)


SAGA = Lifecycle(
    "saga", Run, Phase, lambda run: run.phase,
    moves={
        (None, Phase.EXECUTING): "begin, one participant", (None, Phase.TRYING): "begin, several participants",
        (None, Phase.DONE): "begin, nothing to move",
        **{(before, after): _says(before, after) for before, many in EDGES.items() for after in sorted(many)},
    },
    woken={phase: {WAKE: "1.5 minutes after its last step at the latest"} for phase in _OPEN},
    waits=_waits, flaws=_flaws,
)


def notice_wait(notice_id: str, root: str) -> Wait:
    """What wakes a notice until it is acknowledged."""
    return Wait(NOTICE, notice_id, root, again=timedelta(seconds=REPEAT_SECONDS_MAX * _LONGER))
