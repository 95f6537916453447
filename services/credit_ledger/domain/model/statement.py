"""Issued statements: documents that never change (SC-2). What is still due on one is computed from the instalments.

Adjustments of a period are the account's operations from `first_operation` to `last_operation`: they happened after the
statement before, and nothing can be added to them later.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from services.credit_ledger.domain.model.operation import Operation
from services.kernel.decision import Vector


class StatementState(StrEnum):
    """Where a statement stands; a later one closes it, since it carries what is left forward."""

    ISSUED = "ISSUED"
    PARTIALLY_PAID = "PARTIALLY_PAID"
    PAID = "PAID"
    OVERDUE = "OVERDUE"
    CLOSED = "CLOSED"


class StatementLine(NamedTuple):
    """One billed instalment, as it was due at the cut."""

    order_id: str
    no: int
    due_date: date
    principal_minor: int
    fee_minor: int
    late_minor: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One cut of one account. `amount_minor` is all billed and unpaid at the cut, before `offset_minor` of credit balance."""

    account_id: str
    bill_date: date
    due_date: date
    cut_at: datetime
    issued_at: datetime
    amount_minor: int
    offset_minor: int
    lines: tuple[StatementLine, ...]
    first_operation: int
    last_operation: int
    version: int = 1

    @property
    def key(self) -> str:
        """`<account>/<bill date>`."""
        return statement_key(self.account_id, self.bill_date)

    @property
    def root(self) -> str:
        """The account."""
        return self.account_id


class AdjustmentLine(NamedTuple):
    """What happened since the statement before: shown on this one, with the figures that it moved (SC-2, MA-4)."""

    number: int
    at: datetime
    kind: str
    order_id: str
    reference: str
    moved: Vector
    late_fee_minor: int


class Standing(NamedTuple):
    """What an issued statement still asks for, and how that reads."""

    due_minor: int
    state: StatementState


ADJUSTING = frozenset({
    "RefundTenders", "ConfirmFlashRefund", "AdjustRefund", "ReverseRefund", "Repay", "PayOutCreditBalance", "AccrueLateFees",
    "WaiveLateFees", "ChargeOff", "RerouteLeg", "PostAdjustment",
})
"""The operations that change what is owed without a purchase."""


def adjustments(statement: Statement, operations: Iterable[Operation]) -> tuple[AdjustmentLine, ...]:
    """The adjustment lines of a statement: its share of the account's log, which nothing can be added to later."""
    return tuple(
        AdjustmentLine(
            row.number, row.at, row.kind, row.order_id, row.reference, row.moved,
            sum(entry.amount_minor for entry in row.facts.accrued),
        )
        for row in sorted(operations, key=lambda row: row.number)
        if statement.first_operation <= row.number <= statement.last_operation and row.kind in ADJUSTING
    )


def statement_key(account_id: str, bill_date: date) -> str:
    """The key of the statement of a bill date."""
    return f"{account_id}/{bill_date.isoformat()}"
