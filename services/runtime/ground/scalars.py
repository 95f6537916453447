"""What every service writes to the wire and reads from it in one way: instants, dates, money and enumerations.

`…_to_wire` goes out and `…_from_wire` comes in; an `Enumeration` has both as tables: `STATES.to_wire[state]`.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

from services.kernel.calendar import FIRST_YEAR, LAST_YEAR, is_known
from services.kernel.errors import InvalidArgument
from settlement.common.v1 import money_pb2

CURRENCY = "CNY"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END_SECONDS = round((datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds())
_RECKONED_SECONDS = 366 * 86_400
"""How much later than all that may come in a time may lie that we reckoned ourselves: until when a quote holds."""
_YEARS = f"{FIRST_YEAR} to {LAST_YEAR}"
E = TypeVar("E", bound=StrEnum)
K = TypeVar("K", bound=str)


def instant_to_wire(at: datetime) -> Timestamp:
    """Write an aware instant, exact to the microsecond."""
    return Timestamp(**instant_field(at))


def instant_field(at: datetime) -> Any:  # Any: the generated stubs do not know that a mapping may stand for a message
    """The same for a field of a message that is being made: a message would be made for it, written and read again, for
    each that it is part of."""
    since = at - _EPOCH
    return {"seconds": since.days * 86_400 + since.seconds, "nanos": since.microseconds * 1000}


def instant_from_wire(stamp: Timestamp, reckoned: bool = False) -> datetime:
    """Read a timestamp as an instant in UTC; what is finer than a microsecond is cut off.

    INVALID_ARGUMENT outside the years that may come in; one that we `reckoned` may lie a little later.
    """
    end = _END_SECONDS + _RECKONED_SECONDS * reckoned
    if not (0 <= stamp.seconds < end and 0 <= stamp.nanos < 1_000_000_000):
        told = f"{stamp.seconds} s and {stamp.nanos} ns are no instant from {_YEARS}"
        raise InvalidArgument("INVALID_ARGUMENT", told)
    return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)


def date_to_wire(day: date | None) -> str:
    """Write a date as YYYY-MM-DD; none is empty."""
    return "" if day is None else day.isoformat()


def date_from_wire(text: str) -> date:
    """Read a date of a request; INVALID_ARGUMENT if it is none, or none of the years that may come in."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidArgument("INVALID_ARGUMENT", f"{text} is no date") from error
    if not is_known(day):
        raise InvalidArgument("INVALID_ARGUMENT", f"{text} is no date from {_YEARS}")
    return day


def money_to_wire(amount_minor: int) -> money_pb2.Money:
    """Write fen as money."""
    return money_pb2.Money(**money_field(amount_minor))


def money_field(amount_minor: int) -> Any:  # Any: as of an instant
    """The same for a field of a message that is being made (`instant_field`)."""
    return {"minor_units": amount_minor, "currency_code": CURRENCY}


class WireEnum(Protocol):
    """What the generated code of every enum has; the names are protobuf's."""

    @property
    def DESCRIPTOR(self) -> EnumDescriptor: ...


class UnknownValue(InvalidArgument, ValueError):
    """A number of the wire that stands for nothing here: refused of a caller, undecodable in a record."""


class _Numbers(dict[int, K]):
    """From the wire; a number that stands for nothing here is an `UnknownValue`."""

    def __missing__(self, number: int) -> K:
        raise UnknownValue("INVALID_ARGUMENT", f"{number} is none of {', '.join(sorted(self.values()))}")


class Enumeration(Generic[E]):
    """A domain enumeration and its twin on the wire, matched by name.

    Every member has a twin, but those that are `unshown`. The zero value stands for `unspecified`, if that is given.
    """

    to_wire: Mapping[E, Any]  # Any: the generated stubs make each enum a type of its own
    from_wire: Mapping[int, E]

    def __init__(
        self, kind: type[E], wire: WireEnum, *, unspecified: E | None = None, unshown: Collection[E] = ()
    ) -> None:
        numbers = _numbers(wire)
        zero = {} if unspecified is None else {0: unspecified}
        self.to_wire = {member: numbers[member.name] for member in kind if member not in unshown}
        self.from_wire = _Numbers(zero | {number: member for member, number in self.to_wire.items()})


class Words:
    """An enum of the wire whose values are plain words in the domain; the empty word is the zero value."""

    to_wire: Mapping[str, Any]  # Any: the generated stubs make each enum a type of its own
    from_wire: Mapping[int, str]

    def __init__(self, wire: WireEnum) -> None:
        numbers = _numbers(wire)
        self.to_wire = {"": 0, **{word: number for word, number in numbers.items() if number}}
        self.from_wire = _Numbers({number: word for word, number in self.to_wire.items()})


def _numbers(wire: WireEnum) -> dict[str, int]:
    """The numbers of an enum by name, without the prefix that all its names share: that of `<ENUM>_UNSPECIFIED`."""
    values = wire.DESCRIPTOR.values
    prefix = values[0].name.removesuffix("UNSPECIFIED")
    return {value.name.removeprefix(prefix): value.number for value in values}
