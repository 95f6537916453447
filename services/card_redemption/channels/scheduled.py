"""Settles at the instant for which an enterprise scheduled it (预约回收)."""

from datetime import datetime

from services.card_redemption.channels.behaviour import Settling
from services.kernel.calendar import WorkingCalendar


class Scheduled:
    """The schedule may be edited until its cut-off, so it is asked each time."""

    def settles_at(self, order: Settling, calendar: WorkingCalendar) -> datetime | None:
        """At the schedule, or with a later verification; None as long as none is named."""
        return None if order.scheduled_at is None else max(order.scheduled_at, order.verified_at)
