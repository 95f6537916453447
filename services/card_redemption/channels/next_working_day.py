"""Settles on the first working day after it was accepted (T+1, A21)."""

from datetime import datetime

from services.card_redemption.channels.behaviour import Settling
from services.kernel.calendar import WorkingCalendar, business_date, start_of


class NextWorkingDay:
    """The day begins at midnight in Shanghai; the day of the acceptance is not counted (CV-10)."""

    def settles_at(self, order: Settling, calendar: WorkingCalendar) -> datetime | None:
        """At the midnight with which that day begins, or with a later verification."""
        day = calendar.after(business_date(order.accepted_at))
        return max(start_of(day), order.verified_at)
