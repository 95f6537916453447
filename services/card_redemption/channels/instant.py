"""Settles with its verification (即时打款)."""

from datetime import datetime

from services.card_redemption.channels.behaviour import Settling
from services.kernel.calendar import WorkingCalendar


class Instant:
    """自营, 卡券猫, 兑兑回收, 速回收: what is verified is settled."""

    def settles_at(self, order: Settling, calendar: WorkingCalendar) -> datetime | None:
        """At once."""
        return order.verified_at
