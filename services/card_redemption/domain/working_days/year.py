"""Which days of a year are worked on: public holidays (法定节假日) and the weekend days made up for them (调休)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from services.kernel.calendar import WorkingCalendar


@dataclass(frozen=True, slots=True)
class WorkingYear:
    """The exceptions of one year from Monday to Friday, as they are in force when they are read; `number` counts the
    calendars that were put in force for it."""

    year: int
    number: int
    holidays: tuple[date, ...]
    worked: tuple[date, ...]

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
    known = tuple(years)
    return WorkingCalendar.of(
        (day for year in known for day in year.holidays), (day for year in known for day in year.worked)
    )
