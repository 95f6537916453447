"""Business dates, bill dates and working days, all in Asia/Shanghai; instants elsewhere are UTC (CV-8).

    business_date(2026-03-04T16:00:00Z) == 2026-03-05, and that instant is exactly its midnight: `start_of(2026-03-05)`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache

from services.kernel.errors import Defect

BUSINESS_ZONE = timezone(timedelta(hours=8), "Asia/Shanghai")
"""UTC+8 without daylight saving (CV-8); a fixed offset needs no time-zone data on the machine."""

FIRST_YEAR, LAST_YEAR = 1970, 2200
"""Every date and instant that comes in lies in these years; what our own rules reckon from it may lie later."""

DAY = timedelta(days=1)

TICK = timedelta(microseconds=1)
"""The smallest step of an instant: a boundary that still counts is over one tick later (CV-9)."""


def business_date(instant: datetime) -> date:
    """The local date of an aware instant."""
    if instant.tzinfo is None:
        raise Defect(f"{instant} has no time zone")
    return instant.astimezone(BUSINESS_ZONE).date()


def is_known(moment: date | datetime) -> bool:
    """Whether a date, or an instant in UTC, is one that may come in."""
    return FIRST_YEAR <= moment.year <= LAST_YEAR


@lru_cache(maxsize=8192)
def start_of(day: date) -> datetime:
    """The first instant of a business date, as UTC. Remembered, as the days of months are.

    Of a bill date it is the cut: what happens at it comes after it (CV-12).
    """
    return datetime(day.year, day.month, day.day, tzinfo=BUSINESS_ZONE).astimezone(UTC)


def end_of(day: date) -> datetime:
    """The first instant after a business date."""
    return start_of(day + DAY)


def elapsed_days(start: datetime, event: datetime) -> int:
    """Business days of the calendar from one instant to another; the starting day is not counted (CV-10)."""
    return (business_date(event) - business_date(start)).days


@lru_cache(maxsize=8192)
def day_in_month(year: int, month: int, day: int) -> date:
    """That day of a month, or the month's last one if it is shorter; months count on past December. Remembered, for
    every plan of every shipment asks for the same few: a year's schedule costs a quarter."""
    years, index = divmod(month - 1, 12)
    year, month = year + years, index + 1
    following = date(year + month // 12, month % 12 + 1, 1)
    return min(date(year, month, 1) + timedelta(days=day - 1), following - DAY)


def add_months(start: date, months: int, day: int | None = None) -> date:
    """The date `months` later, on `day` (default: the start's own), cut to the month's length."""
    return day_in_month(start.year, start.month + months, day or start.day)


def first_bill_date(capture_date: date, bill_day: int) -> date:
    """The first bill day after the capture date: a capture on the bill day goes to the next month (SD-3)."""
    bill_date = day_in_month(capture_date.year, capture_date.month, bill_day)
    return bill_date if capture_date < bill_date else add_months(bill_date, 1, bill_day)


def next_bill_date(bill_date: date, bill_day: int, months: int = 1) -> date:
    """The bill date `months` after another; a 31st bill day comes back after a short month."""
    return add_months(bill_date, months, bill_day)


def due_date(bill_date: date, due_day: int) -> date:
    """The due day of the bill's month; of the next month where that would not be after the bill date (SD-3)."""
    due = day_in_month(bill_date.year, bill_date.month, due_day)
    return due if bill_date < due else add_months(bill_date, 1, due_day)


def due_date_by_days(bill_date: date, bill_day: int, due_day: int) -> date:
    """The due date by the rule of before, which compared the days alone: where a short month cuts both, it is the bill
    date itself. For replays of what was scheduled by it."""
    return add_months(bill_date, 0 if due_day > bill_day else 1, due_day)


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """Which dates are worked on: data, never code (CV-13). `worked` are weekend days made up for a holiday (调休)."""

    holidays: frozenset[date] = frozenset()
    worked: frozenset[date] = frozenset()

    @classmethod
    def of(cls, holidays: Iterable[date], worked: Iterable[date] = ()) -> "WorkingCalendar":
        """The calendar with these exceptions from Monday to Friday."""
        return cls(frozenset(holidays), frozenset(worked))

    def is_working(self, day: date) -> bool:
        """Whether a date is a working day."""
        return day in self.worked or (day.weekday() < 5 and day not in self.holidays)

    def after(self, start: date, count: int = 1) -> date:
        """The `count`-th working day after a date; the date itself is not counted and may be a free day (CV-10)."""
        if count < 0:
            raise Defect(f"{count} working days")
        day = start
        while count:
            day += DAY
            count -= self.is_working(day)
        return day
