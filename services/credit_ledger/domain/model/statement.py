"""Issued statements: documents that never change (SC-2). What is still due of one is computed from the instalments.

The adjustments of its period are the account's operations from `first_operation` to `last_operation`: they happened
after the statement before, and nothing can be added to them later.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple


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
    """One cut of one account. `amount_minor` is all billed and
    unpaid at the cut, before `offset_minor` of credit balance."""

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
        """The name of its row, `<account>/<bill date>`."""
        return statement_key(self.account_id, self.bill_date)

    @property
    def root(self) -> str:
        return self.account_id


def statement_key(account_id: str, bill_date: date) -> str:
    """The key of the statement of a bill date."""
    return f"{account_id}/{bill_date.isoformat()}"
