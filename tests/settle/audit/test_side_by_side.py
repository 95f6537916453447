"""What two books have of the same keys comes together, in one order, whichever of them has more."""

from collections.abc import AsyncIterator, Mapping

import pytest

from settle.audit.side_by_side import side_by_side


async def _read(book: Mapping[str, int]) -> AsyncIterator[tuple[str, int]]:
    for entry in book.items():
        yield entry


@pytest.mark.parametrize(("left", "right", "together"), [
    ({}, {}, []),
    ({"a": 1, "b": 2}, {}, [("a", 1, None), ("b", 2, None)]),
    ({}, {"a": 1}, [("a", None, 1)]),
    ({"a": 0, "c": 3}, {"a": 0, "b": 2, "c": 4, "d": 5}, [("a", 0, 0), ("b", None, 2), ("c", 3, 4), ("d", None, 5)]),
    ({"B": 1, "a": 2, "é": 3}, {"_": 4, "é": 5}, [("B", 1, None), ("_", None, 4), ("a", 2, None), ("é", 3, 5)]),
])
async def test_each_key_comes_once(
    left: dict[str, int], right: dict[str, int], together: list[tuple[str, int | None, int | None]]
) -> None:
    """With what either has of it; zero is something."""
    assert [each async for each in side_by_side(_read(left), _read(right))] == together
