"""What calendars tell: the working days of a year as they are proposed and put in force."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class CalendarProposed:
    """The working days of a year wait for a second person under this number."""

    year: int
    holidays: tuple[date, ...]
    worked: tuple[date, ...]
    proposal: int
    proposed_by: str


@dataclass(frozen=True, slots=True)
class CalendarApproved:
    """The working days of a year are in force; `number` counts its calendars."""

    year: int
    holidays: tuple[date, ...]
    worked: tuple[date, ...]
    number: int
    proposed_by: str
    approved_by: str
