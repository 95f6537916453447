"""Coordinating: a reply or a wake-up finds its run, the run advances, and its kind says what that means for its root.

The rules of a saga are found by the kind of its run, and a run advances under the definition with which it began.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from services.kernel.advancing import advance, due
from services.kernel.decision import Aggregate, Decision, Done, Known, Rule, Wanted, rule
from services.kernel.errors import Defect
from services.kernel.messages import Message, TimerDue
from services.kernel.saga import Definition, Progress, Reply, Run

R = TypeVar("R", bound=Aggregate)

Conduct = Callable[[Known, R, Run, Progress, Message, datetime], Decision]
"""Decides a step of a saga: what is known, the root, the run before, its progress,
the message that caused it, the time.

The decision holds what the step does to the root and, by `with_progress`, what it does to the run."""

_NOTHING = Decision()
_DONE = Done()


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

    def of(self, run: Run) -> Definition:
        """The definition under which this run began; a defect if it is gone while runs of it live."""
        definition = self._all.get((run.kind, run.definition_version))
        if definition is None:
            raise Defect(f"saga {run.id} is of {run.kind} version {run.definition_version}, which nothing defines")
        return definition

    def digested(self, run: Run) -> Run:
        """The run as it is kept for ever: its outcome, its plan, and of its participants' answers what is needed
        still."""
        of = {participant.service: participant.digest for participant in self.of(run).participants}
        branches = (
            replace(branch, result=None if branch.result is None else of[branch.service](branch.result))
            for branch in run.branches
        )
        return replace(run, branches=tuple(branches))


@dataclass(frozen=True, slots=True)
class Conductor:
    """What the steps of one kind of saga do to the root that it belongs to. Made by `conductor`."""

    kind: str
    root: type[Aggregate]
    replied: Conduct[Any]  # Any: of the type `root`, which `conductor` has checked
    woken: Conduct[Any]  # Any: as above
    names: Callable[[str], bool]


def conductor(
    kind: str, root: type[R], replied: Conduct[R], woken: Conduct[R] | None = None, names: Callable[[str], bool] = bool
) -> Conductor:
    """The conductor of a kind of saga: `replied` decides when a participant answered, `woken` (the same if not
    given) when one of the saga's timers came true. `names` says of a key whether it can be a root of this type:
    only those are loaded."""
    return Conductor(kind, root, replied, woken or replied, names)


def coordinate(definitions: Definitions, *conductors: Conductor) -> tuple[Rule, Rule]:
    """The two rules of a coordinator: for every `Reply`, and for the timers WAKE, RESUME and ABORT of every run."""
    by_kind = {each.kind: each for each in conductors}
    if len(by_kind) != len(conductors) or set(by_kind) != definitions.kinds:
        raise Defect(f"conductors of {sorted(by_kind)} for sagas of {sorted(definitions.kinds)}")
    roots = tuple(dict.fromkeys((each.root, each.names) for each in conductors))

    def wanted(saga_id: str, message: Message) -> Wanted:
        return (*((kind, message.key) for kind, names in roots if names(message.key)), (Run, saga_id))

    def replied(known: Known, body: Reply, message: Message, now: datetime) -> Decision:
        run = _run(known, body.saga_id, message)
        root = known.find(by_kind[run.kind].root, message.key) if run is not None else None
        if run is None or root is None:
            return _NOTHING
        progress = advance(definitions.of(run), run, body, now)
        return by_kind[run.kind].replied(known, root, run, progress, message, now)

    def woken(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
        run = _run(known, body.key, message)
        root = known.find(by_kind[run.kind].root, message.key) if run is not None else None
        if run is None or root is None:
            return _NOTHING
        progress = due(definitions.of(run), run, body, now)
        return by_kind[run.kind].woken(known, root, run, progress, message, now)

    return (
        rule(Reply, lambda body, message: wanted(body.saga_id, message), replied),
        rule(TimerDue, lambda body, message: wanted(body.key, message), woken),
    )


def _run(known: Known, saga_id: str, message: Message) -> Run | None:
    """The run, if it is known and belongs to the root that the message names."""
    run = known.find(Run, saga_id)
    return run if run is not None and run.root == message.key else None


def with_progress(decision: Decision, progress: Progress, outcome: Done = _DONE) -> Decision:
    """What a step does to the root, and what it does to its run, as one decision."""
    return Decision(
        outcome=outcome, changes=(*decision.changes, progress.run), journals=decision.journals, events=decision.events,
        commands=(*decision.commands, *progress.commands), timers=(*decision.timers, *progress.timers),
        cleared=(*decision.cleared, *progress.cleared), actions=decision.actions, records=decision.records,
    )
