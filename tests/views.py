"""Rows that are only read, as services in memory show them: what the store makes of other rows with SQL."""

from collections.abc import Callable, Mapping
from typing import Any

from services.card_redemption.domain.channels.channel import Channel, ChannelVersion, InForce, version_key
from services.card_redemption.domain.enterprise.agreement import AgreedTerms, Agreement
from services.card_redemption.domain.working_days.year import Calendar, WorkingYear
from services.kernel.decision import Aggregate

Rows = Mapping[tuple[type, str], Any]  # Any: rows are filed under their own type


def _in_force(rows: Rows, name: str) -> InForce | None:
    channel: Channel | None = rows.get((Channel, name))
    if channel is None or not channel.in_force:
        return None
    version: ChannelVersion = rows[ChannelVersion, version_key(name, channel.in_force)]
    return InForce(version.terms)


def _working_year(rows: Rows, key: str) -> WorkingYear | None:
    calendar: Calendar | None = rows.get((Calendar, key))
    return WorkingYear(calendar.year, calendar.number, calendar.exceptions) if calendar and calendar.number else None


def _agreed(rows: Rows, key: str) -> AgreedTerms | None:
    found: Agreement | None = rows.get((Agreement, key))
    return AgreedTerms(found.id, found.customer_id, found.number, found.terms) if found and found.number else None


VIEWS: Mapping[type, Callable[[Rows, str], Aggregate | None]] = {
    InForce: _in_force, WorkingYear: _working_year, AgreedTerms: _agreed,
}
