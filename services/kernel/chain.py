"""Chains over rows that never change: what every row leaves behind holds that row and all rows before it.

    link(n) = hash(head(n - 1), row n)      kept in the row
    head(n) = hash(link(n))                 kept by the root, under its lock, of the last row only

A row that was changed does not fit its link; one that was taken out, put in or moved does not fit the one before it;
and where the last rows were cut off, the root has the head of a row that is gone. With a `key` nobody can make links or
heads who does not know it; a head of the past cannot be told from the links that are left.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

BYTES = 16
"""Of a link and of a head: as hard to meet by chance as to guess, and half of what a whole hash would write."""

NONE_YET = b""
"""The head of a chain without a row, and the link of a row that was written before there were chains."""

EVENTS, OPERATIONS = "events", "operations"
"""The chains that there are: the events of an aggregate, and the log of a credit account."""

Value: TypeAlias = str | int | datetime | bytes | None
"""What a column holds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_AS_BYTES: Mapping[type, Callable[..., bytes]] = {
    str: str.encode, int: lambda value: b"%d" % value, bytes: bytes, type(None): lambda value: b"",
    datetime: lambda value: b"%d" % ((value - _EPOCH) // _MICROSECOND),
}


class Linked(NamedTuple):
    """A row with its place in the chain: the link that is for the row, and the head that its root keeps."""

    link: bytes
    head: bytes


def linked(head: bytes, row: bytes, key: bytes = b"") -> Linked:
    """What a row comes to behind the row that left this head."""
    link = link_of(head, row, key)
    return Linked(link, head_of(link, key))


def link_of(head: bytes, row: bytes, key: bytes = b"") -> bytes:
    """The link of a row behind the row that left this head."""
    return blake2b(head + row, digest_size=BYTES, key=key, person=b"link").digest()


def head_of(link: bytes, key: bytes = b"") -> bytes:
    """The head that a row with this link leaves."""
    return blake2b(link, digest_size=BYTES, key=key, person=b"head").digest()


def row_of(chain: str, root: str, number: int, *values: Value) -> bytes:
    """A row as it is hashed: no two rows come to the same bytes. No text holds a zero byte, in PostgreSQL nor in JSON;
    `bytes` that may hold one come last. A column that is added later is hashed only where it is set."""
    return b"\0".join([b"%s\0%s\0%d" % (chain.encode(), root.encode(), number), *[
        _AS_BYTES[type(value)](value) for value in values
    ]])
