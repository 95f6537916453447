"""Coordinating as scripts: a run is found by its message, advanced under its own version, conducted by its kind."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from services.kernel.advancing import begin
from services.kernel.coordination import Definitions, conductor, coordinate, with_progress
from services.kernel.decision import Decision, Known, Rule, rule, rules, timer_rules
from services.kernel.errors import Defect
from services.kernel.messages import Message, Op, TimerDue
from services.kernel.saga import RESUME, WAKE, Definition, Participant, Phase, Progress, Reply, Run, Verdict

NOW = datetime(2026, 3, 10, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A root that sagas send on its way."""

    key: str
    state: str = "WAITING"
    version: int = 1

    @property
    def root(self) -> str:
        """Itself."""
        return self.key


@dataclass(frozen=True, slots=True)
class Barrow(Parcel):
    """A root of another type, whose keys hold a slash."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that moves so much."""

    amount_minor: int = 5


def _participant(service: str) -> Participant:
    return Participant(
        service=service, involved=lambda plan: True, key=lambda plan: f"{service}-key",
        command=lambda plan: (service, plan.amount_minor), planned=lambda plan: ((service, plan.amount_minor),),
    )


def _definition(kind: str, version: int, *services: str) -> Definition:
    return Definition(kind, version, Plan, tuple(_participant(service) for service in services))


FIRST = _definition("sending", 1, "van", "ship")
SECOND = _definition("sending", 2, "plane")
PUSHING = _definition("pushing", 1, "hand")
DEFINITIONS = Definitions(FIRST, SECOND, PUSHING)


def _sent(known: Known, root: Parcel, before: Run, progress: Progress, message: Message, now: datetime) -> Decision:
    if progress.run is before:
        return Decision(timers=progress.timers, cleared=progress.cleared)
    state = "SENT" if progress.run.phase is Phase.DONE else "LOST"
    ended = (replace(root, state=state, version=root.version + 1),) if progress.ended else ()
    return with_progress(Decision(changes=ended), progress)


def _woken(known: Known, root: Parcel, before: Run, progress: Progress, message: Message, now: datetime) -> Decision:
    return with_progress(Decision(changes=(replace(root, state="LATE", version=root.version + 1),)), progress)


REPLIED, WOKEN = coordinate(
    DEFINITIONS,
    conductor("sending", Parcel, _sent, _woken, names=lambda key: "/" not in key),
    conductor("pushing", Barrow, _sent, names=lambda key: "/" in key),
)


def _known(run: Run, root: Parcel | None) -> Known:
    known = Known()
    known.load(Run, {run.id: run}, [run.id, "saga_unknown"])
    for kind in (Parcel, Barrow):
        known.load(kind, {root.key: root} if type(root) is kind else {}, [run.root, "another"])
    return known


def _reply(run: Run, branch: str, op: Op) -> Reply:
    moved = ((branch, 5),) if op in (Op.TRY, Op.EXECUTE) else ()
    return Reply(run.id, branch, op, Verdict.DONE, moved=moved)


def _play(run: Run, root: Parcel, *replies: tuple[str, Op]) -> tuple[Run, Parcel, list[tuple[str, str]]]:
    commands: list[tuple[str, str]] = []
    for branch, op in replies:
        known = _known(run, root)
        body = _reply(run, branch, op)
        decision = REPLIED.decide(known, body, Message("", root.key, body), NOW)
        for row in decision.changes:
            known.put(row)
        commands += [(command.participant, command.saga.op) for command in decision.commands if command.saga]
        run, root = known.find(Run, run.id) or run, known.find(type(root), root.key) or root
    return run, root, commands


def test_an_old_run_ends_under_the_definition_with_which_it_began() -> None:
    """Version 2 has another participant; a run of version 1 confirms its own two and nobody else."""
    old = begin(FIRST, "saga_old", "par_1", Plan(), NOW)
    assert DEFINITIONS.latest("sending") is SECOND

    run, root, sent = _play(
        old.run, Parcel("par_1"), ("van", Op.TRY), ("ship", Op.TRY), ("ship", Op.CONFIRM), ("van", Op.CONFIRM)
    )

    assert sent == [("van", Op.CONFIRM), ("ship", Op.CONFIRM)]
    assert (run.phase, run.definition_version, root.state) == (Phase.DONE, 1, "SENT")


def test_a_new_run_begins_and_ends_under_the_latest() -> None:
    """The same kind, at the same time."""
    new = begin(DEFINITIONS.latest("sending"), "saga_new", "par_2", Plan(), NOW)

    run, root, sent = _play(new.run, Parcel("par_2"), ("plane", Op.EXECUTE))

    assert [command.participant for command in new.commands] == ["plane"]
    assert (run.phase, run.definition_version, root.state, sent) == (Phase.DONE, 2, "SENT", [])


def test_the_kind_of_the_run_finds_what_its_steps_mean() -> None:
    """Another kind belongs to another type of root; only what a key can name is loaded."""
    pushing = begin(PUSHING, "saga_p", "mer/1", Plan(), NOW).run
    body = _reply(pushing, "hand", Op.EXECUTE)

    wanted = REPLIED.wants(body, Message("", "mer/1", body))
    _, root, _ = _play(pushing, Barrow("mer/1"), ("hand", Op.EXECUTE))

    assert wanted == ((Barrow, "mer/1"), (Run, "saga_p"))
    assert root == Barrow("mer/1", "SENT", 2)


def test_a_timer_may_mean_something_of_its_own() -> None:
    """`woken` decides where it is given, for both timers of a run; elsewhere what decides replies does."""
    run = begin(SECOND, "saga_new", "par_2", Plan(), NOW).run
    body = TimerDue(WAKE, run.id, NOW)
    message = Message("", "par_2", body)

    decision = WOKEN.decide(_known(run, Parcel("par_2")), body, message, NOW)

    assert WOKEN.wants(body, message) == ((Parcel, "par_2"), (Run, "saga_new"))
    assert [row.key for row in decision.changes] == ["par_2", "saga_new"]
    assert [command.participant for command in decision.commands] == ["plane"]


@pytest.mark.parametrize(("saga_id", "key", "root"), [
    ("saga_unknown", "par_2", Parcel("par_2")), ("saga_new", "another", Parcel("another")), ("saga_new", "par_2", None),
])
def test_what_names_no_run_of_its_root_changes_nothing(saga_id: str, key: str, root: Parcel | None) -> None:
    """An unknown run, the run of another root, or a root that is not there."""
    run = begin(SECOND, "saga_new", "par_2", Plan(), NOW).run
    body = replace(_reply(run, "plane", Op.EXECUTE), saga_id=saga_id)
    timer = TimerDue(RESUME, saga_id, NOW)

    assert REPLIED.decide(_known(run, root), body, Message("", key, body), NOW) == Decision()
    assert WOKEN.decide(_known(run, root), timer, Message("", key, timer), NOW) == Decision()


def test_a_version_that_nothing_defines_is_a_defect() -> None:
    """A run is never advanced under somebody else's definition."""
    run = replace(begin(SECOND, "saga_new", "par_2", Plan(), NOW).run, definition_version=3)
    body = _reply(run, "plane", Op.EXECUTE)

    with pytest.raises(Defect, match="version 3"):
        REPLIED.decide(_known(run, Parcel("par_2")), body, Message("", "par_2", body), NOW)


def _nothing(known: Known, body: object, message: Message, now: datetime) -> Decision:
    return Decision()


def _rule(body: type) -> Rule:
    return rule(body, lambda body, message: (), _nothing)


def test_what_is_registered_twice_or_half_is_a_defect() -> None:
    """A body or a timer with two rules, a version with two definitions, a kind without a conductor."""
    assert set(rules(_rule(int), _rule(str))) == {int, str}
    with pytest.raises(Defect):
        rules(_rule(int), _rule(int))
    with pytest.raises(Defect):
        timer_rules(("late", _rule(TimerDue)), ("late", _rule(TimerDue)))
    with pytest.raises(Defect):
        timer_rules(("late", _rule(int)))
    with pytest.raises(Defect):
        Definitions(FIRST, FIRST)
    with pytest.raises(Defect):
        coordinate(DEFINITIONS, conductor("sending", Parcel, _sent))
