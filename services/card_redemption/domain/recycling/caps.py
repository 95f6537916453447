"""What one customer may redeem or cancel: bounds that count the number itself (CV-9)."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from services.kernel.calendar import business_date

COOLING_CAP_MINOR = 50_000
"""Faces of the paid cancellations of one customer on one business date (单日限额500元)."""
FIRST_CAP_MINOR = 10_000
"""The face of a customer's first redemption (首次回收不超过100元, RD-23)."""


@dataclass(frozen=True, slots=True)
class CancelledToday:
    """The faces that one customer was allowed to cancel for a fee on a business date."""

    day: date
    face_minor: int = 0

    def on(self, day: date) -> "CancelledToday":
        """What counts on a date: at the midnight of Shanghai it begins at 0."""
        return self if self.day == day else CancelledToday(day)


def cancelled_more(before: CancelledToday, at: datetime, face_minor: int, most_minor: int) -> CancelledToday | None:
    """What stands after one more paid cancellation at an instant; None where it would come above the cap, and then it
    does not count."""
    today = before.on(business_date(at))
    total_minor = today.face_minor + face_minor
    return replace(today, face_minor=total_minor) if total_minor <= most_minor else None


def first_fits(face_minor: int, completed: int, most_minor: int) -> bool:
    """Whether a card of this face may be submitted by a customer with so many completed redemptions."""
    return completed > 0 or face_minor <= most_minor
