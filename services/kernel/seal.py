"""Seals over rows that change: a row is what was written last, by whoever has the key.

A chain (`chain.py`) holds rows that never change. What changes is told by its chain only while that is kept, and some
of it by nothing else: so such a row keeps a hash of itself, made anew with each write. It holds the table and the key
of the row, so that no row's seal fits another; it does not hold that the row is the newest of its kind, or is there.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import TypeAlias

BYTES = 16

UNSEALED = b""
"""The seal of a row that was written before there were seals."""

ACCEPTED = "accepted"
"""The fact that seals what else has no link or no seal, and is accepted so."""

Value: TypeAlias = str | int | date | datetime | bytes | None
"""What a column holds; JSON is the text or the bytes that are stored."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NULL = b"\xff"
"""No text begins so."""


def _instant(value: datetime) -> bytes:
    """In microseconds; PostgreSQL's infinity, which nobody wrote through the engine, is read without a zone."""
    return b"%d" % ((value - _EPOCH) // _MICROSECOND) if value.tzinfo else b"infinity"


_AS_BYTES: Mapping[type, Callable[..., bytes]] = {
    bytes: bytes, type(None): lambda value: _NULL, int: lambda value: b"%d" % value, datetime: _instant,
    bool: lambda value: b"%d" % value, date: lambda value: value.isoformat().encode(),
}


def seal_of(table: str, values: Iterable[Value], key: bytes = b"") -> bytes:
    """The seal of a row that holds these values, its own key among them. No two rows come to the same bytes: no text
    holds a zero byte, in PostgreSQL nor in JSON; `bytes` that may hold one come last."""
    parts = [table.encode()]
    for value in values:
        parts.append(value.encode() if isinstance(value, str) else _AS_BYTES[type(value)](value))
    return blake2b(b"\0".join(parts), digest_size=BYTES, key=key, person=b"seal").digest()


class LongSeal:
    """The seal of a row of so many texts that they are better not held all at once: the same as `seal_of` makes."""

    def __init__(self, table: str, key: bytes = b"") -> None:
        self._hash = blake2b(table.encode(), digest_size=BYTES, key=key, person=b"seal")

    def take(self, text: str) -> None:
        """The next one."""
        self._hash.update(b"\0" + text.encode())

    def hex(self) -> str:
        """The seal over what was taken."""
        return self._hash.hexdigest()
