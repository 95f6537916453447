"""The history of an account told again from its log, one decision after another: what each changed, posted and logged.

Where a replay asks what would have been, this says what was: reversals fold the log again as they did, and what a
replay takes from an operation's facts though it could be decided again is decided again (late fees, what a surplus gave
back). Two things no log of an account holds, and a reversal is told them (`Beside`): what its merchant owed us, and
whether the rail had paid the refund's leg. What rails report moves legs alone and is not told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, cast

from services.credit_ledger.domain.accounts.life import unopened
from services.credit_ledger.domain.adjustments.papers import dated
from services.credit_ledger.domain.adjustments.waiting_legs import on_record
from services.credit_ledger.domain.core.position import Applied, Apply, Position
from services.credit_ledger.domain.dues.late_fees import charges
from services.credit_ledger.domain.legs.steps import found, leg_id
from services.credit_ledger.domain.log.replay import position_at
from services.credit_ledger.domain.model import books, commands
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.leg import LegState, RefundLeg
from services.credit_ledger.domain.model.merchant_share import MerchantShare
from services.credit_ledger.domain.model.operation import Facts, Operation
from services.credit_ledger.domain.model.terms import SurplusPolicy
from services.credit_ledger.domain.refunds.surplus import given_back
from services.kernel.decision import Aggregate, Known
from services.kernel.errors import Defect
from services.kernel.journal import Journal
from services.kernel.shares import share_key

A = TypeVar("A", bound=Aggregate)
Row = tuple[type, str]


@dataclass(frozen=True, slots=True)
class Beside:
    """What a reversal finds that is not the account's: what the merchant owes us on its share, and whether the leg of
    the refund is on its way no longer."""

    receivable_minor: int = 0
    leg_paid: bool = False


NOTHING_BESIDE = Beside()


@dataclass(frozen=True, slots=True)
class Told:
    """What one decision came to: its operations as they have to be, the rows that it changed, and its journals."""

    operations: tuple[Operation, ...]
    rows: Mapping[Row, Any]
    """Any, as in `Position.rows`."""
    journals: tuple[Journal, ...]


class Touched(NamedTuple):
    """How often a row was changed, how often of that by a cut, which may be a part of the next decision, and when
    last."""

    times: int
    cuts: int
    at: datetime


class View(Known):
    """All rows of one account that its log has made so far, and operations as far as they are lent."""

    def find(self, kind: type[A], key: str) -> A | None:
        """The row, or None where there is none; an operation that is not lent is missing."""
        if kind is Operation:
            return super().find(kind, key)
        return cast("A | None", self._rows.get((kind, key)))

    def has(self, kind: type, key: str) -> bool:
        """Whether it is known if there is such a row: of all but operations it is."""
        return kind is not Operation or (kind, key) in self._rows

    def children(self, kind: type[A], root: str) -> tuple[A, ...]:
        """All open rows of a kind, by key."""
        return super().children(kind, root) if (kind, root) in self._families else ()

    def put(self, row: Any) -> None:  # any aggregate; some can be closed
        """Take a row in; only open ones are children, so that a long history costs no more at each step."""
        self._rows[type(row), row.key] = row
        family = self._families.setdefault((type(row), row.root), set())
        if getattr(row, "open", True):
            family.add(row.key)
        else:
            family.discard(row.key)

    def all(self, kind: type[A]) -> dict[str, A]:
        """All rows of a kind, by key."""
        return {key: cast("A", row) for (of, key), row in self._rows.items() if of is kind}

    def give_back(self) -> None:
        """Forget the operations that were lent."""
        for row in [row for row in self._rows if row[0] is Operation]:
            del self._rows[row]


class History:
    """An account as far as it was told; `apply` are the rules of the inputs. A decision that cannot have been raises
    the error that refuses it, and leaves everything as it was."""

    def __init__(self, apply: Mapping[type, Apply]) -> None:
        self.account: CreditAccount | None = None
        self.rows = View()
        self.touched: dict[Row, Touched] = {}
        self._apply = apply

    def tell(self, decided: Sequence[Operation], beside: Beside = NOTHING_BESIDE) -> Told:
        """Tell one decision on, whose operations these are: any one, or a reversal behind the cuts that it caused.

        Raises `Missing` for operations that a reversal reads; lend them by `rows.load`, and tell it again.
        """
        first, last = decided[0], decided[-1]
        account = self.account or _unopened(first)
        before = position_at(self.rows, account, last if last is first else replace(last, number=first.number))
        applied = self._applied(before, last, beside)
        position = applied.position
        if applied.logged:
            facts = _facts(before, applied, last)
            position = position.log(last.body, last.at, applied.order_id, applied.reference, facts)
        self._keep(position, last)
        return Told(position.operations, position.rows, position.journals)

    def expects(self, cut: Operation) -> bool:
        """Whether this cut is the one that is to come."""
        return self.account is not None and self.account.next_cut_at == cut.at

    def _applied(self, position: Position, operation: Operation, beside: Beside) -> Applied:
        body = operation.body
        if isinstance(body, commands.RetryLeg | commands.SettleLeg):
            return _by_hand(position, body)
        if isinstance(body, commands.ReverseRefund):
            position = self._beside(position, body, beside)
        return self._apply[type(body)](position, body)

    def _beside(self, position: Position, body: commands.ReverseRefund, beside: Beside) -> Position:
        """The view with what the reversal found beside the account."""
        key = share_key(body.merchant_id, position.account.id)
        self.rows.put(MerchantShare(key, body.merchant_id, receivable_minor=beside.receivable_minor))
        leg = position.find(RefundLeg, leg_id(body.refund_id))
        if leg is not None and leg.in_transit and beside.leg_paid:
            self.rows.put(replace(leg, state=LegState.SETTLED))
        return position

    def _keep(self, position: Position, operation: Operation) -> None:
        is_cut = isinstance(operation.body, commands.CutStatement)
        self.account = replace(position.account, operations=operation.number)
        for key, row in position.rows.items():
            self.rows.put(row)
            touched = self.touched.get(key)
            times, cuts = (touched.times, touched.cuts) if touched else (0, 0)
            self.touched[key] = Touched(times + 1, cuts + is_cut, operation.at)


def _unopened(operation: Operation) -> CreditAccount:
    body = operation.body
    if not isinstance(body, commands.OpenAccount):
        raise Defect(f"the log begins with {operation.kind}")
    return unopened(body, operation.at)


def _by_hand(position: Position, body: commands.RetryLeg | commands.SettleLeg) -> Applied:
    """What a replay leaves out, for it moves no account: a leg that people had asked about, or paid from the bank."""
    leg = found(position, body.leg_id)
    if isinstance(body, commands.RetryLeg):
        return Applied(position, None, leg.order_id, leg.id)
    effective = dated(position, body.effective_date, leg.created_at, body.reaches_back)
    adjustment = on_record(position, leg, body, effective)
    return Applied(position.plus(adjustment), None, leg.order_id, adjustment.id)


_REFUNDS = (commands.RefundTenders, commands.ConfirmFlashRefund, commands.AdjustRefund)


def _facts(before: Position, applied: Applied, operation: Operation) -> Facts:
    """What has to be in the log as a fact. What the merchant was owed at a refund, and by which rule of dates a plan
    was scheduled, is taken from there."""
    facts = replace(applied.facts, due_by_days=True) if operation.facts.due_by_days else applied.facts
    if isinstance(operation.body, commands.AccrueLateFees):
        return replace(facts, accrued=charges(before, operation.body.through)[1])
    if isinstance(operation.body, _REFUNDS) and (facts.paid_out or before.account.surplus_policy is SurplusPolicy.LIFO):
        return replace(facts, paid_out=given_back(before, _rest(before.account.id, applied)))
    return facts


def _rest(account_id: str, applied: Applied) -> int:
    """What of the surplus of a refund no due took, as it was posted."""
    places = (books.CREDIT_BALANCE, books.CUSTOMER_RECEIVABLE, books.TRANSIT_PAYOUT)
    return -sum(
        line.amount_minor for journal in applied.position.journals for line in journal.lines if line.account in places
    )
