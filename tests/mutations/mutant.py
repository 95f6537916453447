"""A planted bug: which text of production code becomes which other, and which tests have to notice."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Stale(Exception):
    """The text that a bug changes is not there any more, or more than once: the patch has to follow the code."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug. `says` is what goes wrong, as a sentence; `killers` are what pytest is given, the likeliest first; where
    `seeds` are given, the simulator is asked before them, so many at most."""

    name: str
    path: str
    says: str
    before: str
    after: str
    killers: tuple[str, ...] = ()
    seeds: int = 0

    def planted(self, source: str) -> str:
        """The source with the bug; `Stale` unless its text stands there exactly once."""
        if (found := source.count(self.before)) != 1:
            raise Stale(f"{self.name}: its text stands {found} times in {self.path}")
        return source.replace(self.before, self.after)
