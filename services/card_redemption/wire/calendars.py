"""Working days in the documents of operators and of the release, and on the wire."""

from collections.abc import Iterator, Mapping
from datetime import date
from importlib import resources

from services.card_redemption.domain.working_days.changing import EXCEPTIONS_MAX, check_exceptions
from services.card_redemption.domain.working_days.year import Calendar, CalendarProposal, Exceptions, year_key
from services.card_redemption.wire.documents import read_document
from services.kernel.calendar import DAY
from services.kernel.errors import InvalidArgument
from services.runtime.ground.scalars import instant_field
from settlement.card_redemption.v1 import calendar_pb2 as pb

SHIPPED_YEARS = (2026,)


def calendar_of_document(document: bytes) -> tuple[int, Exceptions]:
    """The year that a document is of and its days, refused as `check_exceptions` refuses them."""
    fields = read_document(document)
    year = fields.whole("year")
    exceptions = Exceptions(*(tuple(_days(name, fields.words(name))) for name in ("holidays", "worked")))
    fields.end()
    check_exceptions(year, exceptions)
    return year, exceptions


def shipped_calendars() -> Mapping[str, tuple[int, Exceptions]]:
    """The calendars that come with this release, by the key of their year."""
    folder = resources.files("services.card_redemption.channels")
    documents = (folder.joinpath(f"working_days_{year}.yaml").read_bytes() for year in SHIPPED_YEARS)
    return {year_key(year): (year, exceptions) for year, exceptions in map(calendar_of_document, documents)}


def _days(name: str, texts: list[str]) -> Iterator[date]:
    """The days of a list; `FIRST/LAST` stands for all from one to the other."""
    for text in texts:
        first, _, last = text.partition("/")
        day, end = _day(name, first), _day(name, last or first)
        if not 0 <= (end - day).days < EXCEPTIONS_MAX:
            raise _malformed(name, f"{text[:40]!r} is no stretch of at most {EXCEPTIONS_MAX} days")
        while day <= end:
            yield day
            day += DAY


def _day(name: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise _malformed(name, f"{text[:40]!r} is no date") from error
    if day.isoformat() != text:
        raise _malformed(name, f"{text[:40]!r} is not written YYYY-MM-DD")
    return day


def _malformed(name: str, detail: str) -> InvalidArgument:
    return InvalidArgument("DOCUMENT_MALFORMED", f"{name}: {detail}", {"field": name})


def days_to_wire(exceptions: Exceptions) -> pb.CalendarDays:
    """The days, in order."""
    return pb.CalendarDays(
        holidays=[day.isoformat() for day in exceptions.holidays], worked=[day.isoformat() for day in exceptions.worked]
    )


def calendar(value: Calendar) -> pb.Calendar:
    """A year: what is in force and what waits."""
    message = pb.Calendar(
        year=value.year, number=value.number, days=days_to_wire(value.exceptions), proposed_by=value.proposed_by,
        approved_by=value.approved_by, version=value.version,
        approve_time=None if value.since is None else instant_field(value.since),
    )
    if value.proposal is not None:
        message.proposal.CopyFrom(_proposal(value.proposal))
    return message


def _proposal(value: CalendarProposal) -> pb.CalendarProposal:
    return pb.CalendarProposal(
        number=value.number, days=days_to_wire(value.exceptions), proposed_by=value.proposed_by,
        propose_time=instant_field(value.proposed_at),
    )
