"""How the calendar of a year changes: one person proposes it, another puts it in force, and both are told."""

from dataclasses import replace
from datetime import date, datetime

from services.card_redemption.domain.four_eyes import SHIPPED, approved, check_proposer
from services.card_redemption.domain.working_days.events import CalendarApproved, CalendarProposed
from services.card_redemption.domain.working_days.year import Calendar, CalendarProposal, Exceptions
from services.kernel.calendar import DAY, FIRST_YEAR, LAST_YEAR, WorkingCalendar
from services.kernel.decision import Decision, Done, Event
from services.kernel.errors import InvalidArgument

EXCEPTIONS_MAX = 60
"""No year has more holidays than this, nor more days made up for them."""
FREE_RUN_MAX = 14
"""No two working days of a year lie further apart: a longer run of free days is a slip of the pen."""
_SATURDAY = 5


def propose(calendar: Calendar, exceptions: Exceptions, operator_id: str, now: datetime) -> Decision:
    """Let a calendar wait for a second person; one that waited before is replaced."""
    check_proposer(operator_id)
    check_exceptions(calendar.year, exceptions)
    proposal = CalendarProposal(calendar.proposals + 1, exceptions, operator_id, now)
    proposed = _stepped(replace(calendar, proposals=proposal.number, proposal=proposal))
    told = CalendarProposed(
        year=calendar.year, holidays=exceptions.holidays, worked=exceptions.worked, proposal=proposal.number,
        proposed_by=operator_id,
    )
    return Decision(outcome=Done(proposed), changes=(proposed,), events=(_event(proposed, told),))


def adopt(calendar: Calendar, exceptions: Exceptions, now: datetime) -> Decision:
    """Put the calendar in force that the release came with, where the year has none yet."""
    return Decision() if calendar.version else _put_in_force(calendar, exceptions, (SHIPPED, SHIPPED), now)


def approve(calendar: Calendar, number: int, operator_id: str, now: datetime) -> Decision:
    """Put the calendar in force that waits under this number. What was reckoned before keeps its dates."""
    proposal = approved(calendar.proposal, number, operator_id)
    return _put_in_force(calendar, proposal.exceptions, (proposal.proposed_by, operator_id), now)


def check_exceptions(year: int, exceptions: Exceptions) -> None:
    """Refuse a calendar that cannot be one of this year: VALUE_OUT_OF_BOUNDS, CALENDAR_CONTRADICTORY."""
    if not FIRST_YEAR <= year < LAST_YEAR:
        raise InvalidArgument("VALUE_OUT_OF_BOUNDS", f"{year} is no year from {FIRST_YEAR} to {LAST_YEAR - 1}")
    for days in (exceptions.holidays, exceptions.worked):
        _check_days(year, days)
    if odd := next((day for day in exceptions.worked if day.weekday() < _SATURDAY), None):
        raise _contradictory(f"{odd} is no weekend day that could be made up for a holiday")
    if both := set(exceptions.holidays) & set(exceptions.worked):
        raise _contradictory(f"{min(both)} is both free and worked on")
    _check_runs(year, exceptions)


def _put_in_force(calendar: Calendar, exceptions: Exceptions, people: tuple[str, str], now: datetime) -> Decision:
    check_exceptions(calendar.year, exceptions)
    proposer, approver = people
    changed = _stepped(replace(
        calendar, number=calendar.number + 1, exceptions=exceptions, proposed_by=proposer, approved_by=approver,
        since=now, proposal=None,
    ))
    told = CalendarApproved(
        year=changed.year, holidays=exceptions.holidays, worked=exceptions.worked, number=changed.number,
        proposed_by=proposer, approved_by=approver,
    )
    return Decision(outcome=Done(changed), changes=(changed,), events=(_event(changed, told),))


def _check_days(year: int, days: tuple[date, ...]) -> None:
    if len(days) > EXCEPTIONS_MAX:
        raise InvalidArgument("VALUE_OUT_OF_BOUNDS", f"{len(days)} days: at most {EXCEPTIONS_MAX}")
    if foreign := next((day for day in days if day.year != year), None):
        raise _contradictory(f"{foreign} is not of {year}")
    if list(days) != sorted(set(days)):
        raise _contradictory("each day stands once, the earlier first")


def _check_runs(year: int, exceptions: Exceptions) -> None:
    calendar = WorkingCalendar.of(exceptions.holidays, exceptions.worked)
    day, end, free = date(year, 1, 1), date(year, 12, 31), 0
    while day <= end:
        free = 0 if calendar.is_working(day) else free + 1
        if free > FREE_RUN_MAX:
            raise _contradictory(f"{free} free days in a row until {day}")
        day += DAY


def _contradictory(detail: str) -> InvalidArgument:
    return InvalidArgument("CALENDAR_CONTRADICTORY", detail)


def _stepped(calendar: Calendar) -> Calendar:
    return replace(calendar, sequence=calendar.sequence + 1, version=calendar.version + 1)


def _event(calendar: Calendar, told: object) -> Event:
    return Event(calendar.key, calendar.sequence, told)
