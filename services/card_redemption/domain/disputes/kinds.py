"""What can be disputed about a redemption (争议类型): until when, how fast it is answered (RD-20 to RD-29, A22, OP-13).

    at 24 h sharp a CANCEL_DENIED is in time, a microsecond later it is an exception, after 72 h nobody takes it (RD-29)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from services.kernel.calendar import DAY, WorkingCalendar, business_date

APPEAL_WINDOW = timedelta(hours=24)
"""An appeal is taken within it, both ends included (超过24小时不予受理, RD-29)."""
EXCEPTIONAL_WINDOW = timedelta(hours=72)
"""Within it one is taken as an exception: on full evidence, once a supervisor lets it in (RD-29)."""
REGULATOR_WORKING_DAYS = 7
"""A complaint at 12315 is answered within so many (a time of our own, D57)."""


class DisputeType(StrEnum):
    """What a case is about."""

    DUPLICATE_CODE = "DUPLICATE_CODE"
    """Its code was submitted again (RD-20)."""
    WRONG_FACE = "WRONG_FACE"
    """It was paid for another face than the card has (RD-21)."""
    FRAUD = "FRAUD"
    """The card was stolen (盗刷, RD-22)."""
    MIS_OPERATION = "MIS_OPERATION"
    """Recycled by mistake, where a transfer was meant (RD-27, OP-13)."""
    CANCEL_DENIED = "CANCEL_DENIED"
    """Nobody would cancel it (RD-28, RD-29)."""
    REFUND_AMOUNT = "REFUND_AMOUNT"
    """It cost too much: the fee of its cancellation, or what was kept of its face (P22)."""
    PLATFORM_FAULT = "PLATFORM_FAULT"
    """A fault of ours recycled it (RD-33)."""
    ACCOUNT_RESTRICTION = "ACCOUNT_RESTRICTION"
    """Its card was spent while it was recycled, and its customer redeems nothing since (RD-25)."""


@dataclass(frozen=True, slots=True)
class Sla:
    """By when a case of a type is decided: so many working days, or days of the calendar, after the one on which it was
    opened, which does not count (CV-10); 0 working days is the same day. `target_days` is sooner than that."""

    working_days: int | None = None
    days: int | None = None
    target_days: int | None = None

    def due_on(self, opened_at: datetime, calendar: WorkingCalendar) -> date | None:
        """The last day; None where there is none (A22: 15 days of a fraud are a lower bound)."""
        opened_on = business_date(opened_at)
        if self.working_days is not None:
            return calendar.after(opened_on, self.working_days)
        return None if self.days is None else opened_on + self.days * DAY

    def target_on(self, opened_at: datetime) -> date | None:
        """The day by which it should be decided."""
        return None if self.target_days is None else business_date(opened_at) + self.target_days * DAY


SLAS: Mapping[DisputeType, Sla] = {
    DisputeType.DUPLICATE_CODE: Sla(working_days=2),
    DisputeType.WRONG_FACE: Sla(working_days=0),
    DisputeType.FRAUD: Sla(),
    DisputeType.MIS_OPERATION: Sla(days=45, target_days=30),
    DisputeType.CANCEL_DENIED: Sla(working_days=5),
    DisputeType.REFUND_AMOUNT: Sla(working_days=5),
    DisputeType.PLATFORM_FAULT: Sla(working_days=5),
    DisputeType.ACCOUNT_RESTRICTION: Sla(working_days=5),
}
"""What the seed says of times, and five working days where it says nothing (D57)."""
REGULATOR = Sla(working_days=REGULATOR_WORKING_DAYS)


def complaint_due_on(kind: DisputeType, at: datetime, calendar: WorkingCalendar) -> date | None:
    """The last day of a case that came over 12315: seven working days, or sooner where its type has fewer. A fraud has
    none there either, for it is not decided before its 15 days (A22)."""
    own, theirs = SLAS[kind].due_on(at, calendar), REGULATOR.due_on(at, calendar)
    return None if own is None or theirs is None else min(own, theirs)

WINDOWED = frozenset({DisputeType.MIS_OPERATION, DisputeType.CANCEL_DENIED, DisputeType.REFUND_AMOUNT})
"""Appeals: only these have a window (OP-13)."""
SPLITTABLE = frozenset({DisputeType.WRONG_FACE, DisputeType.REFUND_AMOUNT})
"""About an amount, so a part of it can be granted (OP-14)."""
AGAIN = frozenset({DisputeType.DUPLICATE_CODE, DisputeType.FRAUD})
"""What can happen to a redemption more than once; of all others it has one case, which may be escalated."""
