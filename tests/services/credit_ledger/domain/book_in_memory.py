"""A credit ledger in memory: the real decisions over dictionaries, with the lane's own checks on every decision."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.credit_ledger.decisions import RULES, TIMERS
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.operation import Operation
from services.kernel.decision import Busy, Decision, Done, Event, Known, Missing, Refused, Rule, Timer
from services.kernel.errors import SettlementError
from services.kernel.journal import Journal, Unit
from services.kernel.messages import Message, Op, SagaRef, TimerDue
from services.kernel.participant import IsBusy

ASKED_AGAIN_MAX = 20


@dataclass
class BookInMemory:
    """Rows by (kind, key), everything that was posted, and what the outside would have been told."""

    rows: dict[tuple[type, str], Any] = field(default_factory=dict)
    journals: list[Journal] = field(default_factory=list)
    balances: Counter[tuple[Unit, str]] = field(default_factory=Counter)
    events: list[Event] = field(default_factory=list)
    notices: list[object] = field(default_factory=list)
    actions: list[object] = field(default_factory=list)
    timers: dict[tuple[str, str], Timer] = field(default_factory=dict)
    messages: int = 0

    def ask(self, key: str, body: object, now: datetime) -> Any:  # the result type depends on the body
        """The result of a plain command; raises nothing: a refusal is answered as `Refused`."""
        self.messages += 1
        return self._settled(Message(f"m{self.messages}", key, body), RULES[type(body)], now)

    def saga(self, key: str, body: object, now: datetime, op: Op = Op.EXECUTE, saga_id: str = "") -> Any:
        """The result of one command of a saga."""
        self.messages += 1
        saga = SagaRef(saga_id or f"saga{self.messages}", "credit_ledger", op)
        return self._settled(Message(f"m{self.messages}", key, body, saga=saga), RULES[type(body)], now)

    def fire(self, now: datetime) -> None:
        """Fire every timer that is due, in order, until none is."""
        while True:
            due = sorted((t for t in self.timers.values() if t.due_at <= now), key=lambda t: (t.due_at, t.kind, t.key))
            if not due:
                return
            timer = due[0]
            del self.timers[timer.kind, timer.key]
            self.messages += 1
            body = TimerDue(timer.kind, timer.key, timer.due_at)
            self._settled(Message(f"m{self.messages}", timer.root, body), TIMERS[timer.kind], now)

    def account(self, account_id: str) -> CreditAccount:
        """The account as it is stored."""
        found: CreditAccount = self.rows[CreditAccount, account_id]
        return found

    def agreement(self, order_id: str) -> Agreement:
        """The agreement as it is stored."""
        found: Agreement = self.rows[Agreement, order_id]
        return found

    def family(self, kind: type, root: str) -> list[Any]:
        """All rows of a kind under a root, by key."""
        return [row for (of, _), row in sorted(self.rows.items(), key=lambda e: e[0][1]) if of is kind and row.root == root]

    def operations(self, account_id: str) -> list[Operation]:
        """The account's log."""
        return self.family(Operation, account_id)

    def balance(self, account: str, unit: Unit = Unit.CNY) -> int:
        """The balance of a ledger account over all its sub-accounts."""
        return self.balances[unit, account]

    def _settled(self, message: Message, rule: Rule, now: datetime) -> Any:
        try:
            decision = self.decide(message, rule, now)
        except SettlementError as error:
            return Refused.of(error)
        except IsBusy as busy:
            return Busy(busy.holder)
        self._keep(decision)
        return decision.outcome.result if isinstance(decision.outcome, Done) else decision.outcome

    def decide(self, message: Message, rule: Rule, now: datetime) -> Decision:
        """The decision, loading what it asks for as the lane does: only open rows of a family."""
        known = Known()
        self._load(known, rule.wants(message.body, message))
        for _ in range(ASKED_AGAIN_MAX):
            try:
                return rule.decide(known, message.body, message, now)
            except Missing as missing:
                self._load(known, missing.rows)
                for kind, root in missing.families:
                    known.load_family(kind, root, [
                        row for (of, _), row in self.rows.items()
                        if of is kind and row.root == root and getattr(row, "open", True)
                    ])
        raise AssertionError(f"{message} asks without end")

    def _load(self, known: Known, rows: Iterable[tuple[type, str]]) -> None:
        for kind, key in rows:
            row = self.rows.get((kind, key))
            known.load(kind, {} if row is None else {key: row}, [key])

    def _keep(self, decision: Decision) -> None:
        """Store the decision; versions step by one, events have no gap, journals move with their root."""
        changes: tuple[Any, ...] = decision.changes
        for row in changes:
            stored = self.rows.get((type(row), row.key))
            claim = stored is not None and "pending" in type(row).__slots__ and replace(row, pending=stored.pending) == stored
            allowed = {1} if stored is None else {stored.version if claim else stored.version + 1}
            assert row.version in allowed, f"{row.key} steps from {stored and stored.version} to {row.version}"
            self.rows[type(row), row.key] = row
        assert not decision.journals or decision.changes
        self.journals += decision.journals
        for journal in decision.journals:
            for line in journal.lines:
                self.balances[journal.unit, line.account] += line.amount_minor
        self.events += decision.events
        self.notices += [command.body for command in decision.commands]
        self.actions += decision.actions
        for kind, key in decision.cleared:
            self.timers.pop((kind, key), None)
        self.timers.update({(timer.kind, timer.key): timer for timer in decision.timers})
