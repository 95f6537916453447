"""Which days of a year are worked on: public holidays (法定节假日) and the weekend days made up for them (调休)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from services.kernel.calendar import WorkingCalendar


@dataclass(frozen=True, slots=True)
class Exceptions:
    """What of a year is not as Monday to Friday: `holidays` are free, `worked` are weekend days that are not."""

    holidays: tuple[date, ...] = ()
    worked: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class CalendarProposal:
    """A calendar that waits for a second person; a later proposal has another number."""

    number: int
    exceptions: Exceptions
    proposed_by: str
    proposed_at: datetime


@dataclass(frozen=True, slots=True)
class Calendar:
    """The root of a year: what is in force (`number` counts it, 0: nothing yet), and what waits for approval."""

    year: int
    number: int = 0
    exceptions: Exceptions = Exceptions()
    proposed_by: str = ""
    approved_by: str = ""
    since: datetime | None = None
    proposals: int = 0
    proposal: CalendarProposal | None = None
    sequence: int = 0
    version: int = 0
    events_head: bytes = b""

    @property
    def key(self) -> str:
        return year_key(self.year)

    @property
    def root(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True)
class WorkingYear:
    """A year's exceptions as they are in force when they are read, without a lock."""

    year: int
    number: int
    exceptions: Exceptions

    @property
    def key(self) -> str:
        return year_key(self.year)

    @property
    def root(self) -> str:
        return self.key

    @property
    def version(self) -> int:
        return self.number


def year_key(year: int) -> str:
    """The key of a year's calendar."""
    return f"cal_{year}"


def calendar_of(years: Iterable[WorkingYear]) -> WorkingCalendar:
    """The calendar of several years; a year that nobody imported is worked on from Monday to Friday."""
    known = [year.exceptions for year in years]
    return WorkingCalendar.of(
        (day for each in known for day in each.holidays), (day for each in known for day in each.worked)
    )
