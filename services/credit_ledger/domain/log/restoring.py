"""An account as it stood in front of a refund, made of what it is now and of what its operations since then replaced.

Agreements and the account's figures were kept with the operations (`model/before.py`); of all else the operations
themselves say how they changed it. What nothing has changed since is as it is now.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from services.credit_ledger.domain.core.position import Position
from services.credit_ledger.domain.legs.steps import leg_id
from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.before import AgreementBefore
from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.redemptions import DisbursePayout
from services.credit_ledger.domain.model.refund import CreditRefund, RefundState
from services.credit_ledger.domain.model.repayment import Repayment
from services.kernel.decision import Aggregate, Known, Missing

A = TypeVar("A", bound=Aggregate)
Row = tuple[type, str]
Back = Callable[[Any], Any]
"""From a row as it is to the same as it was (Any: rows of as many kinds)."""

_AS_NOW = (Agreement, Repayment, CreditRefund, RefundLeg)
"""What a replay looks at of before its start. Statements it only makes: each cut has a bill date of its own."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The start of a fold: `rows` have changed since, `absent` did not exist yet; the rest is as in `now`."""

    now: Position
    account: CreditAccount
    rows: Mapping[Row, Any]
    """Any, as in `Position.rows`."""
    absent: frozenset[Row]

    def view(self) -> Known:
        """A fresh read view of the account as it was."""
        return _Then(self)


class _Then(Known):
    """What was there then; what a replay puts into it stands in front."""

    def __init__(self, standing: Standing) -> None:
        super().__init__()
        self._standing = standing
        self._rows.update(standing.rows)
        self._rows.update(dict.fromkeys(standing.absent))

    def find(self, kind: type[A], key: str) -> A | None:
        """The row of this key; of what is no concern of a replay only what it made."""
        if kind not in _AS_NOW or self.has(kind, key):
            return super().find(kind, key) if self.has(kind, key) else None
        return self._standing.now.find(kind, key)

    def children(self, kind: type[A], root: str) -> tuple[A, ...]:
        """All children of then that may be open."""
        rows: dict[str, Any] = {row.key: row for row in self._standing.now.family(kind)}  # filed under their own type
        rows |= {key: row for (of, key), row in self._rows.items() if of is kind}
        return tuple(rows[key] for key in sorted(rows) if rows[key] is not None)


def in_front_of(position: Position, log: Sequence[Operation]) -> Standing | None:
    """The account in front of the first of these operations, the last of
    which led to what it is now; None where they are its whole log."""
    before = log[0].before
    if before is None or before.account is None:
        return None
    absent = frozenset(_made(log))
    rows = {row: then for row, then in _then(position, log) if row not in absent}
    return Standing(position, before.account.put_back(position.account), rows, absent)


def _then(position: Position, log: Sequence[Operation]) -> Iterator[tuple[Row, Any]]:
    """Every row that these operations changed, as it was."""
    backs = dict(_backs(log))
    missing = [row for row in backs if not position.known.has(*row) and row not in position.rows]
    if missing:
        raise Missing(rows=missing)
    for (kind, key), back in backs.items():
        now = position.find(kind, key)
        if now is not None:
            yield (kind, key), back(now)


def _backs(log: Sequence[Operation]) -> Iterator[tuple[Row, Back]]:
    """By row, how to come from what it is now to what it was."""
    for order_id, agreement in _kept(log).items():
        yield (Agreement, order_id), agreement.put_back
    for repayment_id, amount in _given_back(log).items():
        yield (Repayment, repayment_id), partial(_less, "given_back_minor", amount)
    for identity, amount in _counted(log).items():
        yield (RefundLeg, identity), partial(_less, "counted_minor", amount)
    for operation in log:
        if isinstance(operation.body, commands.ConfirmFlashRefund | commands.AdjustRefund):
            yield (CreditRefund, operation.reference), _waiting


def _less(figure: str, amount: int, row: Any) -> Any:  # rows of one kind
    return replace(row, **{figure: getattr(row, figure) - amount})


def _waiting(refund: CreditRefund) -> CreditRefund:
    return replace(refund, state=RefundState.PENDING_CHANNEL, posted_at=None)


def _kept(log: Sequence[Operation]) -> dict[str, AgreementBefore]:
    """Of every agreement that changed, how it was before the first change."""
    kept: dict[str, AgreementBefore] = {}
    for operation in log:
        for agreement in operation.before.agreements if operation.before else ():
            kept.setdefault(agreement.order_id, agreement)
    return kept


def _made(log: Sequence[Operation]) -> Iterator[Row]:
    """What these operations made."""
    for operation in log:
        match operation.body:
            case commands.AuthorizeTenders(order_id=order_id):
                yield Agreement, order_id
            case commands.Repay():
                yield Repayment, operation.reference
            case commands.RefundTenders(refund_id=refund_id):
                yield CreditRefund, refund_id
                yield RefundLeg, leg_id(refund_id)
            case DisbursePayout(leg_id=identity) if identity:
                yield RefundLeg, identity


def _given_back(log: Sequence[Operation]) -> Counter[str]:
    """What refunds gave back of which repayment."""
    amounts: Counter[str] = Counter()
    for operation in log:
        for fact in operation.facts.paid_out:
            amounts[fact.repayment_id] += fact.amount_minor
    return amounts


def _counted(log: Sequence[Operation]) -> Counter[str]:
    """What counted for which leg (PM-7)."""
    amounts: Counter[str] = Counter()
    for body in (operation.body for operation in log):
        if isinstance(body, commands.CorrectLeg) and body.correction is commands.LegCorrection.COUNTED:
            amounts[body.leg_id] += body.wallet_minor - body.receivable_minor
    return amounts
