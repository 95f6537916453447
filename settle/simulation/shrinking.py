"""Fewer choices that still fail in the same way: tracks fall away, then blocks of them, then values become smaller."""

from collections.abc import Callable
from typing import TypeAlias

from settle.simulation.tape import Choices, weight

Fails: TypeAlias = Callable[[dict[str, list[int]]], bool]
RUNS_MAX = 1_500
"""So many worlds are made at most to find the smallest one."""


class Shrinking:
    """The search. `smallest` are the choices that failed last, `runs` how many worlds it took."""

    def __init__(self, choices: Choices, fails: Fails) -> None:
        self.smallest = {name: list(chosen) for name, chosen in choices.items() if any(chosen)}
        self.runs = 0
        self._fails = fails

    def run(self) -> dict[str, list[int]]:
        """Make it smaller until nothing more falls away."""
        before = -1
        while before != weight(self.smallest) and self.runs < RUNS_MAX:
            before = weight(self.smallest)
            self._drop_tracks()
            for name in sorted(self.smallest, key=lambda each: (each != "swarm", each)):
                self._drop_blocks(name)
            for name in sorted(self.smallest):
                self._lower(name)
        return self.smallest

    def _drop_tracks(self) -> None:
        names = sorted(name for name in self.smallest if name != "swarm")
        size = len(names)
        while size and names:
            for first in range(0, len(names), size):
                gone = set(names[first : first + size])
                if gone & self.smallest.keys():
                    self._try({name: chosen for name, chosen in self.smallest.items() if name not in gone})
            size //= 2

    def _drop_blocks(self, name: str) -> None:
        size = len(self.smallest.get(name, ()))
        while size:
            for first in range(0, len(self.smallest.get(name, ())), size):
                chosen = self.smallest.get(name, [])
                block = chosen[first : first + size]
                if any(block):
                    self._try(self._with(name, [*chosen[:first], *[0] * len(block), *chosen[first + size :]]))
            size //= 2

    def _lower(self, name: str) -> None:
        for place in range(len(self.smallest.get(name, ()))):
            chosen = self.smallest.get(name, [])
            value = chosen[place] if place < len(chosen) else 0
            for lower in (1, value // 2, value - 1):
                if 0 < lower < value and self._try(self._with(name, [*chosen[:place], lower, *chosen[place + 1 :]])):
                    break

    def _with(self, name: str, chosen: list[int]) -> dict[str, list[int]]:
        while chosen and not chosen[-1]:
            chosen = chosen[:-1]
        others = {other: each for other, each in self.smallest.items() if other != name}
        return {**others, name: chosen} if chosen else others

    def _try(self, choices: dict[str, list[int]]) -> bool:
        if self.runs >= RUNS_MAX:
            return False
        self.runs += 1
        failed = self._fails(choices)
        if failed:
            self.smallest = choices
        return failed
