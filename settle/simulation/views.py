"""Rows that are only read, for a store that is no database: what the services' stores make of other rows with SQL."""

from collections.abc import Callable, Mapping
from typing import Any

from services.card_redemption.domain.channels.channel import Channel, ChannelVersion, InForce, version_key
from services.card_redemption.domain.enterprise.agreement import AgreedTerms, Agreement
from services.card_redemption.domain.redemption.redeemer import Redeemer, RedeemerStanding
from services.card_redemption.domain.working_days.year import Calendar, WorkingYear
from services.kernel.decision import Aggregate

Find = Callable[[type, str], Any]
"""The row of a kind, None if there is none. Any: of that kind."""


def _in_force(find: Find, name: str) -> InForce | None:
    channel: Channel | None = find(Channel, name)
    if channel is None or not channel.in_force:
        return None
    version: ChannelVersion = find(ChannelVersion, version_key(name, channel.in_force))
    return InForce(version.terms)


def _working_year(find: Find, key: str) -> WorkingYear | None:
    calendar: Calendar | None = find(Calendar, key)
    return WorkingYear(calendar.year, calendar.number, calendar.exceptions) if calendar and calendar.number else None


def _agreed(find: Find, key: str) -> AgreedTerms | None:
    found: Agreement | None = find(Agreement, key)
    return AgreedTerms(found.id, found.customer_id, found.number, found.terms) if found and found.number else None


def _standing(find: Find, key: str) -> RedeemerStanding | None:
    found: Redeemer | None = find(Redeemer, key)
    return RedeemerStanding(key, found.completed, found.restricted, found.version) if found else None


VIEWS: Mapping[type, Callable[[Find, str], Aggregate | None]] = {
    InForce: _in_force, WorkingYear: _working_year, AgreedTerms: _agreed,
    RedeemerStanding: _standing,
}
