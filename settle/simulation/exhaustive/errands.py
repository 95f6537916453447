"""The smallest saga there is: an errand puts one unit on each of some shelves, on all of them or on none."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from services.kernel.advancing import begin
from services.kernel.coordination import Definitions, conductor, coordinate, with_progress
from services.kernel.decision import Decision, Done, Known, Rule, Vector, Wanted, rule, rules, timer_rules
from services.kernel.errors import FailedPrecondition
from services.kernel.messages import Message
from services.kernel.participant import Pending, take_part
from services.kernel.saga import ABORT, RESUME, WAKE, Definition, Participant, Progress, Run

ERRAND, SAGA = "errand", "saga"
"""The key of the coordinator's root, and the id of its only saga."""

IN_TIME = datetime(2026, 3, 10, tzinfo=UTC)
LATE = IN_TIME + timedelta(days=1)
"""The two instants of this small world: before the deadline and after it."""


class Shelf(StrEnum):
    """What a shelf does when it is asked: take the unit, refuse it, or say that it took two."""

    FREE = "FREE"
    FULL = "FULL"
    WRONG = "WRONG"


@dataclass(frozen=True, slots=True)
class Errand:
    """The coordinator's root."""

    key: str = ERRAND
    version: int = 1

    @property
    def root(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True)
class ShelfRow:
    """A participant's root: how many units are on it, and which saga claims it."""

    key: str
    shelf: Shelf
    units: int = 0
    version: int = 1
    pending: Pending | None = None

    @property
    def root(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True)
class Plan:
    """One unit for each of these shelves."""

    shelves: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Begin:
    """A caller wants it done."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class PutOne:
    """What a shelf is asked for."""


_ONE: Vector = (("UNITS", 1),)
_TWO: Vector = (("UNITS", 2),)


def definition(shelves: tuple[str, ...], in_turn: bool) -> Definition:
    """The saga over these shelves, asked all at once or one after the other."""
    return Definition(ERRAND, 1, Plan, tuple(_participant(name) for name in shelves), in_turn=in_turn)


def coordinator(of: Definition) -> tuple[Mapping[type, Rule], Mapping[str, Rule]]:
    """The rules of the coordinating service: for messages, and for timers."""
    replied, woken = coordinate(Definitions(of), conductor(ERRAND, Errand, _progressed))

    def begun(known: Known, body: Begin, message: Message, now: datetime) -> Decision:
        return with_progress(Decision(changes=(Errand(),)), begin(of, SAGA, message.key, body.plan, now))

    return (
        rules(rule(Begin, lambda body, message: ((Errand, message.key), (Run, SAGA)), begun), replied),
        timer_rules((WAKE, woken), (RESUME, woken), (ABORT, woken)),
    )


def shelf_rules() -> Mapping[type, Rule]:
    """The rules of a service with a shelf."""
    return rules(rule(PutOne, _wanted, _put))


def _participant(name: str) -> Participant:
    return Participant(
        name, involved=lambda plan: name in plan.shelves, key=lambda plan: name, command=lambda plan: PutOne(),
        planned=lambda plan: _ONE,
    )


def _wanted(body: PutOne, message: Message) -> Wanted:
    return ((ShelfRow, message.key),)


def _put(known: Known, body: PutOne, message: Message, now: datetime) -> Decision:
    row = known.find(ShelfRow, message.key)
    assert row is not None

    def execute(free: ShelfRow, at: datetime) -> Decision:
        if free.shelf is Shelf.FULL:
            raise FailedPrecondition("FULL", free.key)
        after = replace(free, units=free.units + 1, version=free.version + 1)
        return Decision(Done(None, _TWO if free.shelf is Shelf.WRONG else _ONE), (after,))

    return take_part(row, message, now, execute)


def _progressed(
    known: Known, root: Errand, run: Run, progress: Progress, message: Message, now: datetime
) -> Decision:
    return with_progress(Decision(), progress) if progress.run is not run else Decision(cleared=progress.cleared)
