"""The offer of a channel at an instant: its terms, and the day on which it settles in its own way."""

from datetime import datetime

from services.card_redemption.channels import BEHAVIOURS
from services.card_redemption.channels.behaviour import Settling
from services.card_redemption.domain.quotes.offer import Asked, Offer, offer
from services.card_redemption.domain.recycling.policy import ChannelPolicy
from services.kernel.calendar import WorkingCalendar


def settles_at(
    terms: ChannelPolicy, now: datetime, calendar: WorkingCalendar, scheduled_at: datetime | None = None
) -> datetime | None:
    """When an order would settle that is accepted now and verified at once; None while it waits for a condition."""
    return BEHAVIOURS[terms.settlement].settles_at(Settling(now, now, scheduled_at), calendar)


def offered(
    terms: ChannelPolicy, asked: Asked, now: datetime, calendar: WorkingCalendar, scheduled_at: datetime | None = None
) -> Offer:
    """What this card is offered now: by a quote, and by whoever accepts one."""
    return offer(terms, asked, now, settles_at(terms, now, calendar, scheduled_at), calendar)
