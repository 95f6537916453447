"""Rows of working days, one a year."""

from collections.abc import Sequence

import asyncpg
import msgspec

from services.card_redemption.domain.working_days.year import (
    Calendar,
    CalendarProposal,
    Exceptions,
    WorkingYear,
    year_key,
)
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection

_CALENDAR = """id, year, number, exceptions, proposed_by, approved_by, since, proposals, proposal, sequence, version,
    events_head"""
_EXCEPTIONS = msgspec.json.Decoder(Exceptions)
_PROPOSAL = msgspec.json.Decoder(CalendarProposal)
_encode = msgspec.json.encode


def _calendar_of(row: asyncpg.Record) -> Calendar:
    proposal = row["proposal"]
    return Calendar(
        year=row["year"], number=row["number"], exceptions=_EXCEPTIONS.decode(row["exceptions"]),
        proposed_by=row["proposed_by"], approved_by=row["approved_by"], since=row["since"],
        proposals=row["proposals"], proposal=None if proposal is None else _PROPOSAL.decode(proposal),
        sequence=row["sequence"], version=row["version"], events_head=row["events_head"],
    )


async def load_calendars(connection: Connection, keys: Sequence[str]) -> list[Calendar]:
    """Lock and read these calendars."""
    rows = await connection.fetch(
        f"select {_CALENDAR} from calendars where id = any($1::text[]) order by id for no key update", keys
    )
    return [_calendar_of(row) for row in rows]


save_calendars = Saving(
    "calendars",
    key="id",
    once=(column("id", "text", "key"), column("year", "integer")),
    moving=(
        *columns("bigint", "number", "proposals", "sequence", "version"),
        column("exceptions", "json", lambda calendar: _encode(calendar.exceptions)),
        *columns("text", "proposed_by", "approved_by"), column("since", "timestamptz"),
        column("proposal", "json", lambda calendar: _encode(calendar.proposal) if calendar.proposal else None),
        column("events_head", "bytea"),
    ),
    sealed=True,
)
"""What is in force of a year, and what waits."""


async def load_working_years(connection: Connection, keys: Sequence[str]) -> list[WorkingYear]:
    """What is in force of these years, by what was committed last; nothing is locked."""
    rows = await connection.fetch(
        "select year, number, exceptions from calendars where id = any($1::text[]) and number > 0", keys
    )
    return [WorkingYear(row["year"], row["number"], _EXCEPTIONS.decode(row["exceptions"])) for row in rows]


async def find_calendar(connection: Connection, year: int) -> Calendar | None:
    """The calendar of a year, not locked."""
    row = await connection.fetchrow(f"select {_CALENDAR} from calendars where id = $1", year_key(year))
    return _calendar_of(row) if row else None
