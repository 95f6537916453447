"""What is known of one order while its history is replayed, and what the history shows to be wrong in itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

from services.kernel.errors import Defect, SettlementError
from services.kernel.saga import Run
from services.order.domain import events
from services.order.domain.order import Order
from services.order.domain.plans import RefundPlan
from services.order.domain.returns import RETURN_STATES, ReturnCase, stepped
from services.order.domain.states import RefundState
from settle.audit.folds.differences import differences, readable
from settle.audit.folds.told import Told

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


REFUSALS = (SettlementError, Defect, ArithmeticError, LookupError, ValueError, AssertionError)
"""What the domain raises on what it would never have made."""


class Fault(NamedTuple):
    """What the history shows to be wrong in itself: the row, what it should say, what it says, since when."""

    what: str
    expected: str
    actual: str
    since: datetime | None = None


def refusal(error: Exception) -> str:
    """Why the domain does not take it, in its own words."""
    return getattr(error, "detail", "") or str(error) or type(error).__name__


class Broken(Exception):
    """The history cannot be replayed any further; the fault says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.what)
        self.fault = fault


@dataclass(slots=True)
class Stored:
    """What is stored of one order: its row, its return cases, settlements and events."""

    order: Order
    cases: Mapping[str, ReturnCase]
    runs: Mapping[str, Run]
    told: Sequence[Told]


@dataclass(slots=True)
class Replay:
    """The order and its return cases as their history makes them, and the faults of the history itself.

    `version` and `sequence` count for the order, whose own stand still meanwhile. `moved_at` is when it last moved,
    `told_at` the last event. `guessed` says that an instant is told by nobody, `vague` that the steps of its channels
    are not told in full, for the events are from before they were. `merged` counts, by case, steps that may have been
    one with the next.
    """

    stored: Stored
    order: Order
    cases: dict[str, ReturnCase] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    received: dict[str, events.ReturnReceived] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    merged: dict[str, int] = field(default_factory=dict)
    version: int = 0
    sequence: int = 0
    moved_at: datetime = _EPOCH
    told_at: datetime = _EPOCH
    guessed: bool = False
    vague: bool = False

    def fault(self, what: str, expected: object, actual: object, since: datetime | None = None) -> None:
        """Keep what is wrong with the history."""
        self.faults.append(Fault(what, readable(expected), readable(actual), since))

    def move(self, order: Order, at: datetime, told: int = 0) -> None:
        """The order one version and so many events later."""
        self.order = order
        self.version += 1
        self.sequence += told
        self.moved_at = max(self.moved_at, at)

    def row(self) -> Order:
        """The order as its row has to be."""
        return replace(self.order, version=self.version, sequence=self.sequence, updated_at=self.moved_at)

    def differ(self, what: str, expected: object, actual: object, since: datetime) -> None:
        """Keep every field in which they differ."""
        for path, wanted, found in differences(expected, actual):
            self.fault(f"{what}{path}", wanted, found, since)

    def case_to(self, return_id: str, state: RefundState, at: datetime) -> None:
        """The return case of a refund moves on with it."""
        case, to = self.cases.get(return_id), RETURN_STATES.get(state)
        if case is not None and to is not None and case.state is not to:
            self.cases[return_id] = stepped(case, at, to)

    def run_of_refund(self, refund_id: str) -> Run | None:
        """The settlement that carries this refund."""
        runs = self.stored.runs.values()
        return next((r for r in runs if isinstance(r.plan, RefundPlan) and r.plan.refund_id == refund_id), None)
