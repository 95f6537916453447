"""Where two values differ: by the names of fields, down to the amount in the list in the column."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, NamedTuple

ABSENT = "none"
TEXT_MAX = 300


class Difference(NamedTuple):
    """A place in a row, what was expected there, and what is there."""

    where: str
    expected: str
    actual: str


def differences(expected: Any, actual: Any, where: str = "") -> Iterator[Difference]:  # Any: values of one kind
    """Every place where these differ; what is no list and no record is compared whole."""
    if expected == actual:
        return
    named = _named(expected)
    if named and type(expected) is type(actual):
        for name in named:
            yield from differences(getattr(expected, name), getattr(actual, name), f"{where}.{name}" if where else name)
    elif isinstance(expected, tuple) and isinstance(actual, tuple) and not named and not _named(actual):
        yield from _in_list(expected, actual, where)
    else:
        yield Difference(where, said(expected), said(actual))


def said(value: object) -> str:
    """A value as people read it."""
    if value is None:
        return ABSENT
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    text = value.isoformat() if isinstance(value, date) else str(value)
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}…"


def _in_list(expected: tuple[Any, ...], actual: tuple[Any, ...], where: str) -> Iterator[Difference]:
    for place in range(max(len(expected), len(actual))):
        one = expected[place] if place < len(expected) else None
        other = actual[place] if place < len(actual) else None
        yield from differences(one, other, f"{where}[{_number(one if one is not None else other, place)}]")


def _number(item: Any, place: int) -> str:
    """What an item of a list is called: by its own number or key, if it has one."""
    for name in ("order_id", "repayment_id"):
        if name in _named(item):
            return f"{getattr(item, name)}/{item.no}" if "no" in _named(item) else str(getattr(item, name))
    return f"no {item.no}" if "no" in _named(item) else str(place + 1)


def _named(value: Any) -> tuple[str, ...]:
    """The names of the fields of a record, if it is one."""
    if is_dataclass(value):
        return tuple(field.name for field in fields(value))
    return getattr(value, "_fields", ())
