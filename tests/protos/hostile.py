"""Values that nobody should send, for every field of every request: how to find the fields, and what to put there."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as F
from google.protobuf.message import Message

DEPTH_MAX = 3
"""How deep into a request its fields are looked for; none of ours is deeper."""

TEXTS = (
    "", " ", "\x00", "a\x00b", "\u202e", "\u200b", "\ufeff", "e\u0301", "\x1b[31m", "\r\n", "\x7f", "\uffff", "💥",
    "x" * 65,
    "x" * 70_000, "'; drop table orders;--", "{}", "%s%n", "../..", "-1", "NaN", "1e999", "0001-01-01", "9999-12-31",
    "2026-02-30", "0000-00-00", "2200-12-31", "1969-12-31", "２０２６-01-05", "ord_\n", "ord_", "acc_é", "STATE_99",
)
BYTES = (b"", b"\x00", b"\xff" * 64, b"x" * 70_000, "é".encode())
INTEGERS_64 = (0, -1, 1, 2**31, 10**12, 10**13, 10**13 + 1, 10**15, 2**53 + 1, 2**62, 2**63 - 1, -(2**63))
INTEGERS_32 = (0, -1, 1, 31, 32, 120, 121, 500, 501, 3_661, 1_000_001, 2**31 - 1, -(2**31))
ENUMS = (0, 1, 2, 3, 99, -1, 2**31 - 1, -(2**31))
TIMES = (
    (0, 0), (-1, 0), (0, -1), (0, 999_999_999), (0, 1_000_000_000), (1, -5), (60, 1), (61, 0), (2**62, 0),
    (2**63 - 1, 0),
    (-(2**63), 0), (-62_135_596_801, 0), (-62_135_596_800, 0), (253_402_300_800, 0), (253_402_300_799, 999_999_999),
    (7_289_654_400, 0), (315_576_000_001, 0),
)
"""Seconds and nanoseconds, for instants and durations."""

AWAITED = frozenset({"min_version"})
"""Fields that a call waits for: a version that never comes is awaited once, for that takes time."""

COUNTS = (0, 2, 501)
"""How many times a repeated field holds what it holds."""

_VALUES: dict[int, tuple[Any, ...]] = {
    F.TYPE_STRING: TEXTS, F.TYPE_BYTES: BYTES, F.TYPE_INT64: INTEGERS_64, F.TYPE_INT32: INTEGERS_32, F.TYPE_ENUM: ENUMS,
    F.TYPE_BOOL: (False, True),
}


def spoiled(request: Any) -> Iterator[tuple[str, Any]]:  # Any: requests of every kind
    """This request with one field left out, repeated or of a hostile value; and which it is.

    What protobuf cannot carry is left out, and so is repeating nothing; a request id is spoiled, or new.
    """
    for path, field in _fields(request, DEPTH_MAX):
        if path == ("request_id",):
            continue
        for value in _values(field):
            changed = type(request)()
            changed.CopyFrom(request)
            try:
                _put(changed, path, field, value)
            except (ValueError, TypeError, UnicodeEncodeError):
                continue
            yield f"{'.'.join(path)}={str(value)[:40]!a}", changed


def _fields(message: Any, depth: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    for field in message.DESCRIPTOR.fields:
        yield (field.name,), field
        if field.type == F.TYPE_MESSAGE and not _is_time(field) and depth:
            for path, inner in _fields(_inner(message, field), depth - 1):
                yield (field.name, *path), inner


def _inner(message: Any, field: Any) -> Any:
    """The message in a field, or an empty one of its kind."""
    if field.is_repeated:
        held = getattr(message, field.name)
        return held[0] if held else getattr(type(message)(), field.name).add()
    return getattr(message, field.name)


def _is_time(field: Any) -> bool:
    return field.type == F.TYPE_MESSAGE and str(field.message_type.full_name).startswith("google.protobuf.")


def _values(field: Any) -> Iterator[Any]:
    if field.is_repeated:
        yield from COUNTS
    if _is_time(field):
        yield from TIMES
    elif field.type == F.TYPE_MESSAGE and not field.is_repeated:
        yield None
    elif field.name in AWAITED:
        yield from (-1, 1, 2**63 - 1)
    elif field.type != F.TYPE_MESSAGE:
        yield from _VALUES[field.type]


def _put(message: Any, path: tuple[str, ...], field: Any, value: Any) -> None:
    for name in path[:-1]:
        held = getattr(message, name)
        message = held if isinstance(held, Message) else held[0] if held else held.add()
    name = path[-1]
    if field.is_repeated:
        _put_repeated(getattr(message, name), field, value)
    elif value is None:
        message.ClearField(name)
    elif _is_time(field):
        inner = getattr(message, name)
        inner.SetInParent()
        inner.seconds, inner.nanos = value
    else:
        setattr(message, name, value)


def _put_repeated(held: Any, field: Any, value: Any) -> None:
    """As many as the number says, or one of this value."""
    if field.type == F.TYPE_MESSAGE:
        first = held[0] if held else held.add()
        kept = type(first)()
        kept.CopyFrom(first)
        del held[:]
        held.extend([kept] * value)
    elif value in COUNTS and isinstance(value, int) and held and not isinstance(held[0], int):
        first, held[:] = held[0], []
        held.extend([first] * value)
    else:
        del held[:]
        held.append(value)
