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
from typing import TypeAlias

BYTES = 16
"""Of a link and of a head: as hard to meet by chance as to guess, and half of what a whole hash would write."""

NONE_YET = b""
"""The head of a chain without a row, and the link of a row that was written before there were chains."""

KEY_NAME = "chain_key"
"""The fact of a database that says under which key its chains are."""

EVENTS, OPERATIONS, ATTEMPTS = "events", "operations", "attempts"
"""The chains that there are: the events of an aggregate, the log of a credit account, a volume of a record."""

Value: TypeAlias = str | int | datetime | bytes | None
"""What a column holds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _instant(value: datetime) -> bytes:
    """In microseconds; PostgreSQL's infinity, which nobody wrote through the engine, is read without a zone."""
    return b"%d" % ((value - _EPOCH) // _MICROSECOND) if value.tzinfo else b"infinity"


_AS_BYTES: Mapping[type, Callable[..., bytes]] = {
    bytes: bytes, type(None): lambda value: b"", int: lambda value: b"%d" % value, datetime: _instant,
}


def linked(head: bytes, row: bytes, key: bytes = b"") -> tuple[bytes, bytes]:
    """The link of a row behind the row that left this head, and the head that it leaves itself."""
    link = link_of(head, row, key)
    return link, head_of(link, key)


def link_of(head: bytes, row: bytes, key: bytes = b"") -> bytes:
    """The link of a row behind the row that left this head."""
    return blake2b(head + row, digest_size=BYTES, key=key, person=b"link").digest()


def head_of(link: bytes, key: bytes = b"") -> bytes:
    """The head that a row with this link leaves."""
    return blake2b(link, digest_size=BYTES, key=key, person=b"head").digest()


def name_of(key: bytes) -> str:
    """By what a key is known, without its being told; nothing for none."""
    return blake2b(digest_size=BYTES, key=key, person=b"key").hexdigest() if key else ""


def origin(saga_id: str, cause: str) -> str:
    """Where an event came from, as it is hashed: its settlement, and the request that was decided so, if one is noted.
    No text of ours holds the sign between them."""
    return f"{saga_id}\x01{cause}" if cause else saga_id


def row_of(chain: str, root: str, number: int, *values: Value) -> bytes:
    """A row as it is hashed: no two rows come to the same bytes. No text holds a zero byte, in PostgreSQL nor in JSON;
    `bytes` that may hold one come last. A column that is added later is hashed only where it is set."""
    parts = [f"{chain}\0{root}\0{number}".encode()]
    for value in values:
        parts.append(value.encode() if isinstance(value, str) else _AS_BYTES[type(value)](value))
    return b"\0".join(parts)
