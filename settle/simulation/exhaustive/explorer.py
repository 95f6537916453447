"""Breadth first over all states of a world: whether each keeps the laws, and whether each can come to its end.

A counterexample is as short as there is one, for nearer states are met first.
"""

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.kernel.saga import Run
from settle.simulation.exhaustive import laws
from settle.simulation.exhaustive.errands import SAGA
from settle.simulation.exhaustive.world import Scope, State, World


@dataclass(slots=True)
class Explored:
    """What was found: how many states and steps, which kinds of steps how often, what shelves answered, and the first
    story that breaks a law. `complete` says that nothing is left to look at."""

    scope: Scope
    states: int = 0
    steps: int = 0
    reached: Counter[str] = field(default_factory=Counter)
    answers: frozenset[str] = frozenset()
    flaw: str = ""
    story: tuple[str, ...] = ()
    complete: bool = False


def explore(scope: Scope, states_max: int = 5_000_000) -> Explored:
    """All states of a scope, or all up to the first that breaks a law."""
    return _Search(World(scope), states_max).run()


class _Search:
    def __init__(self, world: World, states_max: int) -> None:
        self._world, self._most = world, states_max
        self._found = Explored(world.scope)
        first = world.first()
        self._numbers = {first: 0}
        self._states = [first]
        self._from, self._what = array("q", [-1]), [""]
        self._needed = (array("q"), array("q"))
        self._sound: set[tuple[int, tuple[int, ...]]] = set()
        self._kept: set[tuple[int, int]] = set()

    def run(self) -> Explored:
        """Every state once, in the order in which they are met."""
        found = self._found
        number = 0
        while number < len(self._states) < self._most:
            for what, flaw in self._followed(number):
                found.flaw, found.story = flaw, (*self._story(number), what)
                found.states = len(self._states)
                return found
            number += 1
        found.states, found.complete = len(self._states), number == len(self._states)
        found.answers = self._world.answers()
        if found.complete:
            self._find_dead_end()
        return found

    def _followed(self, number: int) -> Iterator[tuple[str, str]]:
        """Take every step from a state; tells the steps that break a law, and how."""
        before = self._states[number]
        for what, after, needed in self._world.steps(before):
            if after == before:
                continue
            self._found.steps += 1
            met = self._numbers.setdefault(after, len(self._states))
            if met == len(self._states):
                self._states.append(after)
                self._from.append(number)
                self._what.append(what)
                yield from ((what, flaw) for flaw in self._flaws(after))
            self._found.reached[what] += 1
            if needed:
                self._needed[0].append(number)
                self._needed[1].append(met)
            yield from ((what, flaw) for flaw in self._taken_back(before, after))

    def _flaws(self, state: State) -> Iterator[str]:
        parts = (state.coordinator, state.shelves)
        if parts not in self._sound:
            self._sound.add(parts)
            stored = self._world.stored
            yield from laws.flaws(stored[state.coordinator], [stored[shelf] for shelf in state.shelves])

    def _taken_back(self, before: State, after: State) -> Iterator[str]:
        pair = (before.coordinator, after.coordinator)
        if pair not in self._kept:
            self._kept.add(pair)
            yield from laws.taken_back(self._world.stored[pair[0]], self._world.stored[pair[1]])

    def _find_dead_end(self) -> None:
        """A state from which no end can be reached without a fault: its saga is stuck."""
        good = bytearray(self._ended(state) for state in self._states)
        before = 0
        while (now := sum(good)) != before:
            before = now
            for state, following in zip(reversed(self._needed[0]), reversed(self._needed[1]), strict=True):
                if good[following]:
                    good[state] = 1
        if now < len(good):
            stuck = good.index(0)
            self._found.flaw, self._found.story = "it never comes to its end", tuple(self._story(stuck))

    def _ended(self, state: State) -> bool:
        run: Run | None = self._world.stored[state.coordinator].row(Run, SAGA)
        return run is not None and run.terminal

    def _story(self, number: int) -> list[str]:
        told = []
        while number > 0:
            told.append(self._what[number])
            number = self._from[number]
        return told[::-1]
