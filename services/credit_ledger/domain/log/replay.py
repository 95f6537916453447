"""The fold of an account's log: the same rules over the same inputs at the same instants give the same books.

A reversal replays the log without a refund (P24). Nothing is refused in a replay: every input was accepted once; and
what left the house then stays gone (`Facts`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from services.credit_ledger.domain.accounts.life import unopened
from services.credit_ledger.domain.core.position import Apply, Position
from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.refund import CreditRefund
from services.credit_ledger.domain.model.repayment import Repayment
from services.credit_ledger.domain.model.statement import Statement
from services.credit_ledger.domain.statements.cut import up_to_now
from services.kernel.decision import Aggregate, Known
from services.kernel.errors import Defect
from services.kernel.journal import Unit

Sums = Counter[tuple[Unit, str, str]]
"""What was posted, by unit, account and sub-account."""

A = TypeVar("A", bound=Aggregate)

_FAMILIES = (Agreement, Repayment, CreditRefund, RefundLeg, Statement)


class _Everything(Known):
    """A read view of a world that began with the log: what is not there does not exist."""

    def find(self, kind: type[A], key: str) -> A | None:
        """The row of this key, or None where the replay has made none."""
        return super().find(kind, key) if self.has(kind, key) else None


class Start(Protocol):
    """Where a fold begins that does not begin with the log."""

    @property
    def account(self) -> CreditAccount: ...
    @property
    def rows(self) -> Mapping[tuple[type, str], Any]:
        """The rows that have changed since, as they were; Any, as in `Position.rows`."""

    def view(self) -> Known:
        """A fresh read view of the account as it was."""


@dataclass(frozen=True, slots=True)
class World:
    """An account as a fold of its log left it, and all that was posted on the way. After a `Start` the rows are those
    that changed since, in this world or in the other."""

    account: CreditAccount
    agreements: Mapping[str, Agreement]
    repayments: Mapping[str, Repayment]
    statements: Mapping[str, Statement]
    posted: Sums


def fold(
    operations: Iterable[Operation], apply: Mapping[type, Apply],
    keep: Callable[[Operation], bool] = lambda operation: True, start: Start | None = None,
) -> World:
    """The account after these operations, in order, by these rules; `keep` leaves some out. Without a `start` they are
    the whole log."""
    known = _Everything() if start is None else start.view()
    account, posted = None if start is None else start.account, Sums()
    rows: dict[tuple[type, str], Any] = {} if start is None else dict(start.rows)
    for operation in operations:
        if not keep(operation):
            continue
        account = _empty(known, operation) if account is None else account
        applied = apply[type(operation.body)](position_at(known, account, operation), operation.body)
        account = applied.position.account
        rows.update(applied.position.rows)
        known.put(account)
        for row in applied.position.rows.values():
            known.put(row)
        for journal in applied.position.journals:
            for line in journal.lines:
                posted[journal.unit, line.account, line.sub] += line.amount_minor
    if account is None:
        raise Defect("a log without an account")
    return World(
        account, _of(rows, Agreement), _of(rows, Repayment), _of(rows, Statement), posted
    )


def effective(operations: Iterable[Operation]) -> list[Operation]:
    """The operations that still count: without the refunds that were reversed, and without the reversals."""
    log = sorted(operations, key=lambda operation: operation.number)
    reversed_ids = {op.body.refund_id for op in log if isinstance(op.body, commands.ReverseRefund)}
    return [
        op for op in log
        if not isinstance(op.body, commands.ReverseRefund) and not (op.reference and op.reference in reversed_ids)
    ]


def same_books(world: World, account: CreditAccount) -> bool:
    """Whether a fold came to the account's own figures."""
    return _figures(world.account) == _figures(account)


def _figures(account: CreditAccount) -> tuple[object, ...]:
    return (
        account.granted_minor, account.held_minor, account.used_minor, account.wallet_minor,
        account.credit_balance_minor, account.shipments, account.state,
    )


def position_at(known: Known, account: CreditAccount, operation: Operation) -> Position:
    """The position in front of an operation, after the cuts that were due. It has the number that it had, however many
    cuts this world made for it: ids are derived from it."""
    if account.operations != operation.number - 1:
        account = replace(account, operations=operation.number - 1)
    position = Position(
        known, operation.at, account, account, account, facts=operation.facts, saga_id=operation.saga_id
    )
    if isinstance(operation.body, commands.CutStatement):
        return position
    position = up_to_now(position)
    if not position.operations:
        return position
    before = replace(position.before, operations=operation.number - 1 - len(position.operations))
    return replace(position, before=before)


def _empty(known: Known, operation: Operation) -> CreditAccount:
    """The account before its first operation, with empty families in the view."""
    body = operation.body
    if not isinstance(body, commands.OpenAccount):
        raise Defect(f"the log begins with {operation.kind}")
    for kind in _FAMILIES:
        known.load_family(kind, body.account_id, ())
    return unopened(body, operation.at)


def _of(rows: Mapping[tuple[type, str], Any], kind: type[Any]) -> dict[str, Any]:
    return {key: row for (of_kind, key), row in rows.items() if of_kind is kind}
