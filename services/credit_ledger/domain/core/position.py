"""A decision in the making: one account at one instant, and
what of it changed so far. Frozen; each step gives the next.

`closed` makes the decision of it: every row one version further, events numbered, inputs logged, the laws checked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, Self, TypeVar

from services.credit_ledger.domain.core import laws
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.before import NOTHING_BEFORE, AccountBefore, AgreementBefore, Before
from services.credit_ledger.domain.model.commands import RefundTenders
from services.credit_ledger.domain.model.operation import NO_FACTS, Facts, Operation
from services.kernel.decision import Aggregate, Command, Decision, Done, Event, Known, Timer, Vector
from services.kernel.errors import NotFound
from services.kernel.journal import Journal

A = TypeVar("A", bound=Aggregate)


class Checkable(Protocol):
    """What a command brings, with bounds of its own."""

    def checked(self) -> Self: ...


C = TypeVar("C", bound=Checkable)


@dataclass(frozen=True, slots=True)
class Position:
    """The read view, the instant, the account as it was and as
    it is by now, and everything that the decision will carry.

    `facts` is set in a replay: then nothing is refused, and what cannot be decided again is taken from it. `logged`
    and `logged_rows` are the account and the changed rows as the last logged operation left them.
    """

    known: Known
    at: datetime
    before: CreditAccount
    account: CreditAccount
    logged: CreditAccount
    facts: Facts | None = None
    saga_id: str = ""
    rows: Mapping[tuple[type, str], Any] = field(default_factory=dict)
    """Changed rows; Any, since an aggregate is also a dataclass with a version, which no Protocol says to `replace`."""
    journals: tuple[Journal, ...] = ()
    events: tuple[object, ...] = ()
    commands: tuple[Command, ...] = ()
    timers: tuple[Timer, ...] = ()
    cleared: tuple[tuple[str, str], ...] = ()
    actions: tuple[object, ...] = ()
    operations: tuple[Operation, ...] = ()
    logged_rows: Mapping[tuple[type, str], Any] = field(default_factory=dict)

    @property
    def replaying(self) -> bool:
        """Whether this input was accepted once before."""
        return self.facts is not None

    @property
    def next_operation(self) -> int:
        """The number of the next logged operation."""
        return self.before.operations + len(self.operations) + 1

    def checked(self, asked: C) -> C:
        """What was asked for, if it can be. In a replay it could: the bounds of today do not count for it."""
        return asked if self.replaying else asked.checked()

    def find(self, kind: type[A], key: str) -> A | None:
        """A row as it is by now."""
        row = self.rows.get((kind, key))
        return row if row is not None else self.known.find(kind, key)

    def family(self, kind: type[A]) -> tuple[A, ...]:
        """All open children of a kind as they are by now; loads them, so ask only where they are needed.

        What happens to be loaded but is closed is left out: a decision must not depend on that.
        """
        loaded = {row.key: row for row in self.known.children(kind, self.account.id)}
        changed = {row.key: row for (of_kind, _), row in self.rows.items() if of_kind is kind}
        return tuple(row for row in (loaded | changed).values() if getattr(row, "open", True))

    def agreement(self, order_id: str) -> Agreement:
        """The order's agreement; ORDER_NOT_FOUND if there is none on this account."""
        found = self.find(Agreement, order_id)
        if found is None or found.account_id != self.account.id:
            raise NotFound("ORDER_NOT_FOUND", f"{order_id} has no agreement on {self.account.id}")
        return found

    def plus(
        self, *rows: Any, account: CreditAccount | None = None, journals: tuple[Journal, ...] = (),  # as in `rows`
        event: object = None, commands: tuple[Command, ...] = (), timers: tuple[Timer, ...] = (),
        cleared: tuple[tuple[str, str], ...] = (), actions: tuple[object, ...] = (),
    ) -> "Position":
        """The position with these changes added."""
        return Position(  # by position, in the order of the fields: every decision goes through here several times
            self.known, self.at, self.before, account or self.account, self.logged, self.facts, self.saga_id,
            {**self.rows, **{(type(row), row.key): row for row in rows}} if rows else self.rows,
            self.journals + journals, self.events if event is None else (*self.events, event),
            self.commands + commands, *_last_word(self, timers, cleared), self.actions + actions, self.operations,
            self.logged_rows,
        )

    def log(
        self, body: object, at: datetime, order_id: str = "", reference: str = "", facts: Facts = NO_FACTS
    ) -> "Position":
        """The position with this input in the account's log."""
        operation = Operation(
            account_id=self.account.id, number=self.next_operation, at=at, body=body, order_id=order_id,
            reference=reference, saga_id=self.saga_id, facts=facts, moved=_moved(self.logged, self.account),
            before=_before(self, body),
        )
        return Position(
            known=self.known, at=self.at, before=self.before, account=self.account, logged=self.account,
            facts=self.facts, saga_id=self.saga_id, rows=self.rows, journals=self.journals, events=self.events,
            commands=self.commands, timers=self.timers, cleared=self.cleared, actions=self.actions,
            operations=(*self.operations, operation), logged_rows=self.rows,
        )


@dataclass(frozen=True, slots=True)
class Applied:
    """What an input did: the position after it, the answer, and
    how the log refers to it. `logged` is False for a no-op."""

    position: Position
    result: object
    order_id: str = ""
    reference: str = ""
    facts: Facts = NO_FACTS
    moved: Vector = ()
    logged: bool = True


Apply = Callable[[Position, Any], Applied]
"""A rule: it takes the position, brought up to its instant,
and a body of its own type (Any: one table holds them all)."""


def closed(applied: Applied, body: object, refusable: bool = True) -> Decision:
    """The decision that this input comes to. What is decided elsewhere already, a CONFIRM or the rail's word, is not
    `refusable`: it is booked, however full a balance gets by it."""
    position = applied.position
    if applied.logged:
        position = position.log(body, position.at, applied.order_id, applied.reference, applied.facts)
    if not position.operations and not position.rows:
        return Decision(Done(applied.result, applied.moved), timers=position.timers, cleared=position.cleared)
    before, account = position.before, _account_stepped(position)
    outcome = Done(account if isinstance(applied.result, CreditAccount) else applied.result, applied.moved)
    pairs = [(position.known.loaded(kind, key), row) for (kind, key), row in position.rows.items()]
    rows = tuple(_stepped(stored, row) for stored, row in pairs)
    laws.check(before, account, pairs, position.journals, refusable)
    return Decision(
        outcome, changes=(*((account,) if account is not before else ()), *rows, *position.operations),
        journals=position.journals,
        events=tuple(Event(account.id, before.sequence + n, fact) for n, fact in enumerate(position.events, 1)),
        commands=position.commands, timers=position.timers, cleared=position.cleared, actions=position.actions,
    )


def _last_word(
    position: Position, timers: tuple[Timer, ...], cleared: tuple[tuple[str, str], ...]
) -> tuple[tuple[Timer, ...], tuple[tuple[str, str], ...]]:
    """All timers that are to be set and cleared; of two words about one timer the later counts."""
    if not timers and not cleared:
        return position.timers, position.cleared
    said = {(timer.kind, timer.key) for timer in timers}.union(cleared)
    kept = tuple(timer for timer in position.timers if (timer.kind, timer.key) not in said)
    return kept + timers, tuple(key for key in position.cleared if key not in said) + cleared


def _account_stepped(position: Position) -> CreditAccount:
    """The account one version further, if anything of it is visible: a figure, a journal, an event, a logged input."""
    before, account = position.before, position.account
    if account is before and not (position.journals or position.events or position.operations):
        return before
    return replace(
        account, version=before.version + 1, sequence=before.sequence + len(position.events),
        operations=before.operations + len(position.operations),
    )


def _stepped(stored: Any, row: Any) -> Any:  # rows of one kind
    version = 1 if stored is None else stored.version + 1
    return row if row.version == version else replace(row, version=version)


def _before(position: Position, body: object) -> Before:
    """What is kept with an operation: the agreements that changed since the last one, as they were, and of what can be
    undone the account too."""
    changed = []
    for (kind, key), row in position.rows.items():
        if kind is Agreement and row is not (was := _as_logged(position, key)) and was is not None:
            changed.append(AgreementBefore.of(was))
    if isinstance(body, RefundTenders):
        return Before(agreements=tuple(changed), account=AccountBefore.of(position.logged))
    return Before(agreements=tuple(changed)) if changed else NOTHING_BEFORE


def _as_logged(position: Position, order_id: str) -> Agreement | None:
    """An agreement as the last logged operation left it."""
    row = position.logged_rows.get((Agreement, order_id))
    return row if row is not None else position.known.find(Agreement, order_id)


def _moved(before: CreditAccount, after: CreditAccount) -> Vector:
    """How the figures that a customer sees changed, by name, no zeros."""
    figures = (
        ("AVAILABLE", after.available_minor - before.available_minor),
        ("CREDIT_BALANCE", after.credit_balance_minor - before.credit_balance_minor),
        ("HELD", after.held_minor - before.held_minor),
        ("USED", after.used_minor - before.used_minor),
        ("WALLET", after.wallet_minor - before.wallet_minor),
    )
    return tuple(figure for figure in figures if figure[1])
