"""One payment of a plan: `principal = paid + refunded + written off + outstanding`, all at least 0 (DOMAIN 2.5).

A named tuple, not a dataclass: a refund makes 24 of them on the hot path, and a tuple is made five times as fast. For
the same reason the functions at the end take and make them by position; everywhere else fields are read by name.
"""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import NamedTuple


class InstalmentState(StrEnum):
    """Where an instalment stands on a date; it follows from the numbers, so it is never stored."""

    SCHEDULED = "SCHEDULED"
    BILLED = "BILLED"
    OVERDUE = "OVERDUE"
    SATISFIED = "SATISFIED"
    VOID = "VOID"


class Instalment(NamedTuple):
    """Its number in the agreement (from 1), its dates, and what happened to its principal, fee and late fee.

    `late_minor` is what is due of the late fee; `late_through` ends its last accrual segment (FE-5).
    The fee is due only once the instalment is billed.
    """

    no: int
    bill_date: date
    due_date: date
    principal_minor: int
    fee_initial_minor: int
    fee_minor: int
    paid_minor: int = 0
    refunded_minor: int = 0
    written_off_minor: int = 0
    fee_paid_minor: int = 0
    late_minor: int = 0
    late_through: date | None = None
    billed: bool = False

    @property
    def outstanding_minor(self) -> int:
        """Unpaid principal."""
        return self.principal_minor - self.paid_minor - self.refunded_minor - self.written_off_minor

    @property
    def fee_due_minor(self) -> int:
        """The fee that is billed and unpaid."""
        return self.fee_minor - self.fee_paid_minor if self.billed else 0

    @property
    def due_minor(self) -> int:
        """All that is billed and unpaid: late fee, fee, principal."""
        return self.late_minor + self.fee_minor - self.fee_paid_minor + self.outstanding_minor if self.billed else 0

    @property
    def live(self) -> bool:
        """Whether anything can still be paid, billed or refunded without money going back."""
        return bool(self.outstanding_minor or self.fee_minor - self.fee_paid_minor or self.late_minor)

    def overdue(self, today: date) -> bool:
        """Whether it is billed and past its due date; on the due date itself it is not (CV-9)."""
        return self.billed and self.due_date < today

    def state(self, today: date) -> InstalmentState:
        """Its state on a business date."""
        if self.live:
            if not self.billed:
                return InstalmentState.SCHEDULED
            return InstalmentState.OVERDUE if self.due_date < today else InstalmentState.BILLED
        return InstalmentState.VOID if self.refunded_minor == self.principal_minor > 0 else InstalmentState.SATISFIED


class InstalmentChange(NamedTuple):
    """An instalment after a decision; `refunded_now_minor`, `paid_now_minor` and `fee_before_minor` say what it did."""

    no: int
    bill_date: date
    due_date: date
    principal_minor: int
    paid_minor: int
    refunded_minor: int
    outstanding_minor: int
    fee_minor: int
    fee_paid_minor: int
    late_minor: int
    state: InstalmentState
    refunded_now_minor: int = 0
    paid_now_minor: int = 0
    fee_before_minor: int = 0


def refunded(
    items: Iterable[Instalment], parts: Iterable[int], recovered: Iterable[int], fees: Iterable[int],
    fees_paid: Iterable[int], earned: bool,
) -> tuple[Instalment, ...]:
    """What a refund leaves of instalments: these parts of their principal go, this much of what was written off is
    recovered, and their fees are other ones; `earned` fees fall due at once."""
    return tuple([
        Instalment._make((
            no, bill_date, due_date, principal, first_fee, fee, paid, gone + part + back, written_off - back, fee_paid,
            late, late_through, billed or earned,
        ))
        for (no, bill_date, due_date, principal, first_fee, _, paid, gone, written_off, _, late, late_through, billed),
        part, back, fee, fee_paid in zip(items, parts, recovered, fees, fees_paid, strict=True)
    ])


def changes(now: Iterable[Instalment], before: Iterable[Instalment], today: date) -> tuple[InstalmentChange, ...]:
    """Each instalment as it is on a business date, beside what it was before the decision."""
    rows = []
    for item, was in zip(now, before, strict=True):
        no, bill_date, due_date, principal, _, fee, paid, refunded, written_off, fee_paid, late, _, billed = item
        unpaid = principal - paid - refunded - written_off
        state = item.state(today) if billed or not unpaid else InstalmentState.SCHEDULED
        rows.append(InstalmentChange._make((
            no, bill_date, due_date, principal, paid, refunded, unpaid, fee, fee_paid, late, state,
            refunded - was.refunded_minor, paid - was.paid_minor, was.fee_minor,
        )))
    return tuple(rows)
