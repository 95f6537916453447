"""Settles when its condition is met (预设条件), its value waits in escrow until then (OP-16)."""

from datetime import datetime

from services.card_redemption.channels.behaviour import Settling
from services.kernel.calendar import WorkingCalendar


class OnCondition:
    """Whether the condition was met in time is asked before: one that was not revokes the order."""

    def settles_at(self, order: Settling, calendar: WorkingCalendar) -> datetime | None:
        """When the condition was met, or with a later verification; None as long as it is not."""
        return None if order.met_at is None else max(order.met_at, order.verified_at)
