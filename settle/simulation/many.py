"""Many worlds on all cores: as many as the wanted settlements take, or the time allows."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from gc import collect
from itertools import count
from multiprocessing import get_context

from settle.simulation.seeds import Outcome, prepare, run_seed

AT_A_TIME = 8
"""So many worlds one process makes before it tells of them."""
FAILURES_MAX = 20
"""Of so many worlds that fail the violations are kept."""


@dataclass(slots=True)
class Tally:
    """What many worlds came to."""

    worlds: int = 0
    sagas: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    virtual_seconds: float = 0.0
    failed: int = 0
    failures: list[Outcome] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)

    def take(self, outcome: Outcome) -> None:
        """Add one world."""
        self.worlds += 1
        self.sagas += outcome.sagas
        self.virtual_seconds += outcome.virtual_seconds
        self.reached.update(outcome.reached)
        if outcome.violations:
            self.failed += 1
            if len(self.failures) < FAILURES_MAX:
                self.failures.append(outcome)


def run_many(
    sagas: int, seed: int = 0, *, budget_seconds: float = 0.0, processes: int = 0,
    told: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Worlds of one seed after the other until there were so many settlements, or, with a budget, until that is over.

    It ends with the first parts in which something does not hold.
    """
    tally, began = Tally(), time.monotonic()
    workers = processes or os.cpu_count() or 1
    with ProcessPoolExecutor(workers, get_context("spawn"), prepare) as pool:
        for outcomes, cpu_seconds in _in_turn(pool, _parts(seed), 2 * workers):
            for outcome in outcomes:
                tally.take(outcome)
            tally.cpu_seconds += cpu_seconds
            tally.seconds = time.monotonic() - began
            told(tally)
            if tally.failed or (tally.seconds >= budget_seconds if budget_seconds else tally.sagas >= sagas):
                pool.shutdown(cancel_futures=True)
                return tally
    return tally


def _parts(seed: int) -> Iterator[range]:
    return (range(first, first + AT_A_TIME) for first in count(seed, AT_A_TIME))


def _in_turn(
    pool: ProcessPoolExecutor, parts: Iterator[range], ahead: int
) -> Iterator[tuple[list[Outcome], float]]:
    """What the parts come to, in their order, whoever is done first: the same seeds give the same answer."""
    under_way = [pool.submit(_run, next(parts)) for _ in range(ahead)]
    while under_way:
        yield under_way.pop(0).result()
        under_way.append(pool.submit(_run, next(parts)))


def _run(seeds: range) -> tuple[list[Outcome], float]:
    began = time.process_time()
    outcomes = [run_seed(seed) for seed in seeds]
    collect()
    return outcomes, time.process_time() - began
