"""Numbers for values: two that are equal get the same one."""

from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V", bound=Hashable)


class Numbered(Generic[V]):
    """Values in the order in which they were met first."""

    def __init__(self) -> None:
        self._numbers: dict[V, int] = {}
        self._values: list[V] = []

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, number: int) -> V:
        return self._values[number]

    def of(self, value: V) -> int:
        """The number of this value."""
        number = self._numbers.setdefault(value, len(self._values))
        if number == len(self._values):
            self._values.append(value)
        return number
