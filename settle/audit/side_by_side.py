"""Two books that are read beside each other, each in the order of the same keys: neither is kept, and neither is looked
up in, for what is put beside them has no index."""

from collections.abc import AsyncIterator
from typing import TypeVar

Key = TypeVar("Key", str, tuple[str, str])
One = TypeVar("One")
Other = TypeVar("Other")
Value = TypeVar("Value")


async def side_by_side(
    left: AsyncIterator[tuple[Key, One]], right: AsyncIterator[tuple[Key, Other]]
) -> AsyncIterator[tuple[Key, One | None, Other | None]]:
    """What either has of each key, None where it has nothing. Keys ascend by code point (`collate "C"`), none twice."""
    one, other = await anext(left, None), await anext(right, None)
    while one is not None or other is not None:
        key = min(each[0] for each in (one, other) if each is not None)
        mine, theirs = _of(key, one), _of(key, other)
        yield key, mine, theirs
        if mine is not None:
            one = await anext(left, None)
        if theirs is not None:
            other = await anext(right, None)


def _of(key: Key, read: tuple[Key, Value] | None) -> Value | None:
    return read[1] if read is not None and read[0] == key else None
