"""Recycling channels: what each does in its own way, one file for each way. Their terms are data."""

from collections.abc import Mapping

from services.card_redemption.channels.behaviour import Behaviour
from services.card_redemption.channels.instant import Instant
from services.card_redemption.channels.next_working_day import NextWorkingDay
from services.card_redemption.channels.on_condition import OnCondition
from services.card_redemption.channels.scheduled import Scheduled
from services.card_redemption.domain.recycling.policy import Settlement

BEHAVIOURS: Mapping[Settlement, Behaviour] = {
    Settlement.INSTANT: Instant(),
    Settlement.NEXT_WORKING_DAY: NextWorkingDay(),
    Settlement.SCHEDULED: Scheduled(),
    Settlement.ON_CONDITION: OnCondition(),
}
"""Which file knows which settlement; a test holds every one of them to the contract."""
