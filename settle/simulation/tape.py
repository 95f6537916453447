"""All chance of a run: one tape of many tracks, drawn from a seed or read again. 0 is always the benign choice."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")
Choices = Mapping[str, Sequence[int]]
"""What was chosen, by track; what is not there is 0."""


class Track:
    """The choices of one part of the world: whoever draws here disturbs no other track."""

    __slots__ = ("_choices", "_draw", "_given", "_place")

    def __init__(self, seed: str | None, given: Sequence[int] = ()) -> None:
        self._draw = None if seed is None else Random(seed).random  # chance that has to be repeatable
        self._given = given
        self._place = 0
        self._choices: list[int] = []

    def below(self, most: int) -> int:
        """One of 0 to `most` - 1."""
        if self._draw is not None:
            chosen = int(self._draw() * most)
        else:
            chosen = min(self._given[self._place], most - 1) if self._place < len(self._given) else 0
            self._place += 1
        self._choices.append(chosen)
        return chosen

    def chance(self, per_mille: int) -> bool:
        """Whether it happens; never, where a run chooses nothing."""
        if self._draw is None:
            return self.below(1000) >= 1000 - per_mille
        chosen = int(self._draw() * 1000)  # as `below` draws, which is asked for little else
        self._choices.append(chosen)
        return chosen >= 1000 - per_mille

    def pick(self, among: Sequence[T]) -> T:
        """One of these; the first is the benign one."""
        return among[self.below(len(among))]

    @property
    def choices(self) -> Sequence[int]:
        """All that was chosen so far, without what is 0 at the end."""
        last = len(self._choices)
        while last and not self._choices[last - 1]:
            last -= 1
        return self._choices[:last]


class Tape:
    """The tape of one run: a seed draws it, `given` choices replay it."""

    def __init__(self, seed: int | None = None, given: Choices | None = None) -> None:
        self._seed = seed
        self._given = given or {}
        self._tracks: dict[str, Track] = {}

    def track(self, name: str) -> Track:
        """The track of this name."""
        track = self._tracks.get(name)
        if track is None:
            seed = None if self._seed is None else f"{self._seed}/{name}"
            track = self._tracks[name] = Track(seed, self._given.get(name, ()))
        return track

    @property
    def choices(self) -> dict[str, list[int]]:
        """All that was chosen, for a replay."""
        return {name: list(chosen) for name, track in self._tracks.items() if (chosen := track.choices)}


def weight(choices: Choices) -> int:
    """How many choices are not the benign ones."""
    return sum(1 for chosen in choices.values() for choice in chosen if choice)
