"""Business dates and bill dates at their edges: midnight in Shanghai, month ends, leap days,
short months (CV-8 to CV-13)."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.calendar import (
    BUSINESS_ZONE,
    WorkingCalendar,
    add_months,
    business_date,
    day_in_month,
    due_date,
    due_date_by_days,
    elapsed_days,
    end_of,
    first_bill_date,
    next_bill_date,
    start_of,
)
from services.kernel.errors import Defect

SECOND = timedelta(seconds=1)
DATES = st.dates(date(2000, 1, 1), date(2099, 12, 31))


def test_midnight_in_shanghai_is_four_in_the_afternoon_utc() -> None:
    """The date changes there, not in London: −1 s, 0, +1 s."""
    midnight = datetime(2026, 4, 4, 16, tzinfo=UTC)

    assert [business_date(midnight + step) for step in (-SECOND, 0 * SECOND, SECOND)] == [
        date(2026, 4, 4), date(2026, 4, 5), date(2026, 4, 5),
    ]
    assert start_of(date(2026, 4, 5)) == end_of(date(2026, 4, 4)) == midnight


def test_an_instant_without_a_zone_has_no_date() -> None:
    """Nobody may guess a zone."""
    with pytest.raises(Defect):
        business_date(datetime(2026, 4, 5))  # noqa: DTZ001  (the point of the test)


@given(day=DATES, seconds=st.integers(0, 86_399), hours=st.integers(-12, 14))
def test_the_zone_of_an_instant_does_not_matter(day: date, seconds: int, hours: int) -> None:
    """The same instant has the same business date, however it is written."""
    instant = start_of(day) + timedelta(seconds=seconds)

    assert business_date(instant.astimezone(timezone(timedelta(hours=hours)))) == day
    assert start_of(day).astimezone(BUSINESS_ZONE).hour == 0


def test_the_starting_day_is_not_counted() -> None:
    """CV-10: from 23:59:59 to midnight is one day, from 00:00:00 to 23:59:59 none."""
    late = datetime(2026, 3, 10, 15, 59, 59, tzinfo=UTC)

    assert elapsed_days(late, late + SECOND) == 1
    assert elapsed_days(late + SECOND, late + timedelta(days=1)) == 0


@pytest.mark.parametrize(("captured", "bill_day", "expected"), [
    (date(2026, 3, 4), 5, date(2026, 3, 5)), (date(2026, 3, 5), 5, date(2026, 4, 5)),
    (date(2026, 12, 5), 5, date(2027, 1, 5)),
    (date(2024, 2, 28), 29, date(2024, 2, 29)), (date(2023, 2, 27), 29, date(2023, 2, 28)),
    (date(2023, 2, 28), 31, date(2023, 3, 31)), (date(2026, 4, 29), 31, date(2026, 4, 30)),
])
def test_the_first_bill_date_is_after_the_capture_date(captured: date, bill_day: int, expected: date) -> None:
    """SD-3: a capture on the bill day goes to the next month; a 31st is the last day of a short month."""
    assert first_bill_date(captured, bill_day) == expected


def test_a_bill_day_of_31_comes_back_after_a_short_month() -> None:
    """January 31, February 29 of a leap year, March 31, April 30."""
    dates = [date(2024, 1, 31)]
    for _ in range(3):
        dates.append(next_bill_date(dates[-1], 31))

    assert dates[1:] == [date(2024, 2, 29), date(2024, 3, 31), date(2024, 4, 30)]


@given(captured=DATES, bill_day=st.integers(1, 31), months=st.integers(0, 40))
def test_bill_dates_are_one_a_month_on_the_bill_day(captured: date, bill_day: int, months: int) -> None:
    """The k-th is in the k-th month, on the bill day or the month's last;
    the first is at most a month and a day away."""
    first = first_bill_date(captured, bill_day)

    later = next_bill_date(first, bill_day, months)

    assert captured < first <= captured + timedelta(days=32)
    assert (later.year - first.year) * 12 + later.month - first.month == months
    assert later == day_in_month(later.year, later.month, bill_day)


@pytest.mark.parametrize(("bill_date", "due_day", "expected"), [
    (date(2026, 1, 5), 15, date(2026, 1, 15)), (date(2026, 1, 28), 10, date(2026, 2, 10)),
    (date(2026, 1, 5), 5, date(2026, 2, 5)), (date(2026, 2, 28), 31, date(2026, 3, 31)),
    (date(2024, 2, 29), 30, date(2024, 3, 30)), (date(2026, 4, 30), 31, date(2026, 5, 31)),
    (date(2026, 12, 31), 31, date(2027, 1, 31)), (date(2026, 1, 30), 31, date(2026, 1, 31)),
])
def test_the_due_date_is_in_the_bill_month_unless_it_would_not_come_after(
    bill_date: date, due_day: int, expected: date
) -> None:
    """SD-3: a due day that a short month cuts to the bill date belongs to the next month, as one before it does.

    Compared by their days alone, a bill day of 30 and a due day of 31 were both February 28:
    due on the day of the bill.
    """
    assert due_date(bill_date, due_day) == expected


def test_the_rule_of_before_differs_only_where_it_fell_due_at_once() -> None:
    """What the days alone said is the rule of today but for a bill and a due day that a short month cuts to one date.
    So a plan of before is known by a due date that is its bill date."""
    for bill_day, due_day, month in product(range(1, 32), range(1, 32), range(1, 49)):
        bill_date = day_in_month(2024, month, bill_day)
        before, now = due_date_by_days(bill_date, bill_day, due_day), due_date(bill_date, due_day)
        assert (before == now) is (before != bill_date)


@settings(max_examples=30)
@given(bill_day=st.integers(1, 31), due_day=st.integers(1, 31), year=st.integers(1970, 2200))
def test_every_bill_of_every_month_is_due_after_it_and_on_the_first_due_day_after_it(
    bill_day: int, due_day: int, year: int
) -> None:
    """SD-3 over all bill days, due days, months and leap years: nothing is due on or before its bill, and no due day
    between the two is passed over. Each year stands for all its months, and a bill day of 31 for the last day of
    each."""
    for month in range(1, 13):
        bill_date = day_in_month(year, month, bill_day)

        due = due_date(bill_date, due_day)

        assert bill_date < due == day_in_month(due.year, due.month, due_day)
        assert not bill_date < day_in_month(year, month, due_day) < due
        assert (due.year - year) * 12 + due.month - month in (0, 1)


def test_all_bill_and_due_days_are_sound_in_a_leap_year_and_in_a_common_one() -> None:
    """SD-3, each of the 961 pairs in each of 24 months: due after the bill, within two months of it."""
    for bill_day, due_day, month in product(range(1, 32), range(1, 32), range(1, 25)):
        bill_date = day_in_month(2023, month, bill_day)

        assert timedelta() < due_date(bill_date, due_day) - bill_date < timedelta(days=60)


def test_months_are_added_over_years_and_cut_to_their_length() -> None:
    """A leap day plus a year is February 28."""
    assert add_months(date(2024, 2, 29), 12) == date(2025, 2, 28)
    assert add_months(date(2025, 11, 30), 3) == date(2026, 2, 28)


def test_working_days_skip_weekends_and_holidays_but_not_made_up_days() -> None:
    """CV-13: the calendar is data; a free start is allowed and never counted."""
    calendar = WorkingCalendar.of([date(2026, 10, 1), date(2026, 10, 2)], worked=[date(2026, 10, 10)])

    assert calendar.after(date(2026, 9, 30)) == date(2026, 10, 5)
    assert calendar.after(date(2026, 10, 3), 5) == date(2026, 10, 9)
    assert calendar.after(date(2026, 10, 9)) == date(2026, 10, 10)
    assert calendar.after(date(2026, 10, 4), 0) == date(2026, 10, 4)
    with pytest.raises(Defect):
        calendar.after(date(2026, 10, 4), -1)
