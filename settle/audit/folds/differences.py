"""Where two values of the domain differ, field by field, so that a finding names what was changed."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, NamedTuple

_NAMES = ("id", "type", "refund_id", "line_id")
"""By which of its fields an item of a list is named, where it has one of them; else by its place."""


class Difference(NamedTuple):
    """One field that is not what it should be; the path is as people read it: `lines[line-1].returned`."""

    path: str
    expected: str
    actual: str


def differences(expected: Any, actual: Any, path: str = "") -> Iterator[Difference]:  # Any: values of any domain type
    """Every field that differs, the deepest name of it."""
    if expected == actual:
        return
    names = _field_names(expected)
    if names is not None and type(expected) is type(actual):
        for name in names:
            yield from differences(getattr(expected, name), getattr(actual, name), f"{path}.{name}" if path else name)
    elif isinstance(expected, tuple) and isinstance(actual, tuple) and len(expected) == len(actual):
        for index, (wanted, found) in enumerate(zip(expected, actual, strict=True)):
            yield from differences(wanted, found, f"{path}[{_name_of(wanted, index)}]")
    else:
        yield Difference(path, readable(expected), readable(actual))


def readable(value: Any) -> str:  # Any: as above
    """A value for people: instants as RFC 3339, lists by their items, nothing as "none"."""
    if isinstance(value, datetime):
        return value.isoformat()
    if _field_names(value) is not None:
        return " ".join(readable(getattr(value, name)) for name in _field_names(value) or ())
    if isinstance(value, tuple):
        return "[" + ", ".join(readable(item) for item in value) + "]"
    return "none" if value in (None, "") else str(value)


def _field_names(value: Any) -> Sequence[str] | None:  # Any: as above
    if is_dataclass(value):
        return [field.name for field in fields(value)]
    return getattr(value, "_fields", None)


def _name_of(item: Any, index: int) -> str:  # Any: as above
    return next((str(getattr(item, name)) for name in _NAMES if hasattr(item, name)), str(index))
