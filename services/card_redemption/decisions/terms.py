"""What decisions go by that is data: the terms of a channel and the working days, as the transaction sees them."""

from datetime import datetime

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.recycling.policy import ChannelPolicy
from services.card_redemption.domain.working_days.year import WorkingYear, calendar_of, year_key
from services.kernel.calendar import WorkingCalendar, business_date
from services.kernel.decision import Known
from services.kernel.errors import NotFound


def terms_in_force(known: Known, channel: str) -> ChannelPolicy:
    """The terms of a channel that were approved last; CHANNEL_NOT_FOUND if there are none."""
    found = known.find(InForce, channel)
    if found is None:
        raise NotFound("CHANNEL_NOT_FOUND", f"there is no channel {channel}")
    return found.terms


def working_days(known: Known, at: datetime) -> WorkingCalendar:
    """The calendar from an instant on, through the year after it: no promise of ours is longer."""
    year = business_date(at).year
    years = (known.find(WorkingYear, year_key(each)) for each in (year, year + 1))
    return calendar_of(found for found in years if found is not None)
