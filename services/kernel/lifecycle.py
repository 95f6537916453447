"""The life of a kind of rows, written once: its states, the moves between them, and what has to wake it where it waits.

Tests hold every decision to the moves, the auditor holds every stored row to its state and its timers, and
`docs/states.md` is drawn from it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

from services.kernel.admission import RETRY_FAULTY_TIMER

R = TypeVar("R")

LOOKED_AT_AGAIN = RETRY_FAULTY_TIMER
"""A timer that is due and could not do its work is looked at again within this time, whatever kept it."""


READ_BEFORE = timedelta(seconds=10)
"""By so much the present may be older than the rows that are read beside it."""


class Flaw(NamedTuple):
    """A field of a row that contradicts its state, or the rest of the row."""

    field: str
    expected: object
    actual: object


class Wait(NamedTuple):
    """A timer that a row has as long as it waits. It is due by `latest` (None: at any time from now on within `again`);
    once that has passed, within `again` of the present. Before `earliest` it would be lost, for it wakes nothing."""

    kind: str
    key: str
    root: str
    latest: datetime | None = None
    earliest: datetime | None = None
    again: timedelta = LOOKED_AT_AGAIN

    def until(self, present: datetime) -> datetime:
        """The last instant at which it may be due, as things stand at the present."""
        looked_at = present + self.again + READ_BEFORE
        return looked_at if self.latest is None else max(self.latest, looked_at)


def _nothing(row: Any) -> Iterable[Any]:  # Any: rows of any kind have neither
    return ()


@dataclass(frozen=True, slots=True)
class Lifecycle(Generic[R]):
    """The table of one kind of rows. `moves` says of (from, to) what makes it, where from is None for how it begins;
    staying is no move. `woken` says of a state that waits, by the kind of its timer, when that is due; `waits` are the
    timers of one row, and `flaws` is what of it contradicts its state. A `derived` state is not stored."""

    name: str
    row: type[R]
    states: type[StrEnum]
    state: Callable[[R], StrEnum]
    moves: Mapping[tuple[StrEnum | None, StrEnum], str]
    woken: Mapping[StrEnum, Mapping[str, str]]
    waits: Callable[[R], Iterable[Wait]] = _nothing
    flaws: Callable[[R], Iterable[Flaw]] = _nothing
    derived: bool = False

    @property
    def begins(self) -> frozenset[StrEnum]:
        """The states in which a row begins."""
        return frozenset(to for before, to in self.moves if before is None)

    @property
    def terminal(self) -> frozenset[StrEnum]:
        """The states that nothing leaves."""
        return frozenset(self.states) - {before for before, _ in self.moves if before is not None}

    def all_flaws(self, row: R, version: int) -> Iterator[Flaw]:
        """What of a row contradicts its state; in its first version it is in a state in which it begins."""
        yield from self.flaws(row)
        if version == 1 and (state := self.state(row)) not in (begins := self.begins):
            yield Flaw("state", f"{' or '.join(sorted(begins))} in its first version", state)

    def allows(self, before: StrEnum | None, after: StrEnum) -> bool:
        """Whether one decision may bring a row from one state to the other."""
        return before is after or (before, after) in self.moves


def unless(met: bool, field: str, expected: object, actual: object) -> tuple[Flaw, ...]:
    """A flaw where something is not met."""
    return () if met else (Flaw(field, expected, actual),)
