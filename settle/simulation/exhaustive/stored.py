"""What a service has stored, as a value, and what one transaction makes of it.

A transaction that changes a row somebody else moved meanwhile, or makes or answers what is there by now, is refused: as
`runtime/ground/saving.py` and the primary keys do it, which the storage equivalence holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.kernel.admission import Admission
from services.kernel.decision import Aggregate, Rule
from services.kernel.effects import Answer, Arrived, Effects, ToLoad
from services.kernel.saga import Run

RowKey = tuple[type, str]


@dataclass(frozen=True, slots=True)
class Stored:
    """Rows, answers by id, timers and lines of what is set aside. Counters that only grow are left out of rows, so that
    a world that repeats itself is the same world."""

    rows: frozenset[Aggregate] = frozenset()
    answers: frozenset[Answer] = frozenset()
    timers: frozenset[tuple[str, str]] = frozenset()
    lines: frozenset[tuple[str, int]] = frozenset()

    def row(self, kind: type[Any], key: str) -> Any:  # Any: a row of that kind, or None
        """The row, if there is one."""
        return next((row for row in self.rows if type(row) is kind and row.key == key), None)

    def answer(self, answer_id: str) -> Answer | None:
        """The stored answer, if there is one."""
        return next((answer for answer in self.answers if answer.id == answer_id), None)


@dataclass(frozen=True, slots=True)
class Transaction:
    """What was decided on what was read, and not committed yet."""

    effects: Effects[Arrived]
    lines: frozenset[tuple[str, int]]

    @property
    def empty(self) -> bool:
        """Whether nothing comes of it."""
        effects = self.effects
        return not (effects.dirty or effects.answered or effects.timers or effects.cleared or effects.sent)

    def collides(self, committed: "Transaction") -> bool:
        """Whether what another one committed since it was read lets it fail."""
        moved = {key for key, row, found in _changes(committed) if found is None or row.version != found}
        own = {key for key, _, _ in _changes(self)}
        return bool(moved & own or self.effects.answered.keys() & committed.effects.answered.keys())


def decided(
    stored: Stored, arrived: Arrived, now: datetime, rules: Mapping[type, Rule], timers: Mapping[str, Rule]
) -> Transaction:
    """Decide one message on what is stored."""
    lines = dict(stored.lines)
    admission: Admission[Arrived] = Admission(rules, timers, lines)
    admission.now = now
    for wanted in admission.rounds([arrived]):
        _load(admission, stored, wanted)
    return Transaction(admission.effects, frozenset(lines.items()))


def committed(stored: Stored, transaction: Transaction) -> Stored:
    """What is stored after a commit."""
    effects = transaction.effects
    rows: dict[RowKey, Aggregate] = {(type(row), row.key): row for row in stored.rows}
    rows |= {key: _counted_out(row) for key, row, _ in _changes(transaction)}
    answers = {answer.id: answer for answer in stored.answers} | effects.answered
    timers = frozenset((*(stored.timers - effects.cleared), *effects.timers))
    return Stored(frozenset(rows.values()), frozenset(answers.values()), timers, transaction.lines)


def _load(admission: Admission[Arrived], stored: Stored, wanted: ToLoad) -> None:
    for kind, keys in wanted.rows.items():
        admission.known.load(kind, {row.key: row for row in stored.rows if type(row) is kind}, keys)
    for kind, roots in wanted.families.items():
        for root in roots:
            admission.known.load_family(kind, root, [row for row in stored.rows if type(row) is kind])
    admission.stored.update({answer.id: answer for answer in stored.answers if answer.id in wanted.answers})
    admission.due.update(wanted.timers.keys() & stored.timers)


def _changes(transaction: Transaction) -> list[tuple[RowKey, Any, int | None]]:  # Any: a row of that kind
    """The changed rows, each with the version in which it was found; None for a new one."""
    effects = transaction.effects
    return [
        ((kind, key), row, effects.found.get(kind, {}).get(key))
        for kind, rows in effects.dirty.items() for key, row in rows.items()
    ]


def _counted_out(row: Any) -> Aggregate:  # Any: a frozen dataclass with a version
    if isinstance(row, Run):
        row = replace(row, attempts=0, updated_at=None)
    counted: Aggregate = replace(row, version=1)
    return counted
