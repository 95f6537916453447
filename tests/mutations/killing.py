"""Asks the killers of a planted bug, each in a process of its own, and says which of them noticed."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue

from tests.mutations.mutant import Mutant
from tests.mutations.planting import Garden

SECONDS_MAX = 900
"""So long the killers of one bug have; whoever takes longer has not killed it."""
KILLED, SURVIVED = 1, 0
_NOTICED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_CASES = re.compile(r"(\d+) passing, ([1-9]\d*) failing")
_OPTIONS = (
    "-x", "-q", "-rfE", "--tb=no", "-p", "no:xdist", "-p", "tests.mutations.quick", "--hypothesis-show-statistics",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a bug: which test noticed it first (""  if none did), and what pytest said."""

    mutant: Mutant
    noticed: str
    seconds: float
    said: str

    @property
    def after(self) -> str:
        """How many random cases the test had drawn that noticed it; a dash for a test that draws none."""
        cases = [int(passing) + int(failing) for passing, failing in _CASES.findall(self.said)]
        return str(sum(cases)) if cases else "–"

    @property
    def killed(self) -> bool:
        """Whether a test failed of it; a copy that cannot even be imported proves nothing."""
        return bool(self.noticed)


def by_the_simulator(mutants: Iterable[Mutant], most: int) -> list[Mutant]:
    """The same bugs, and nobody but the simulator is asked about them, with so many seeds at most."""
    return [replace(mutant, seeds=most, killers=()) for mutant in mutants]


def judged(mutants: Sequence[Mutant], gardens: int = 0) -> Iterator[Verdict]:
    """The verdicts in the order of the bugs; so many copies are tried at a time, one for each core if not said."""
    free: SimpleQueue[Garden] = SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="settle-mutants-") as folder:
        many = min(gardens or os.cpu_count() or 1, len(mutants))
        for number in range(many):
            free.put(Garden(_made(Path(folder) / str(number))))
        with ThreadPoolExecutor(max(many, 1)) as pool:
            yield from pool.map(lambda mutant: _judged(mutant, free), mutants)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _judged(mutant: Mutant, free: "SimpleQueue[Garden]") -> Verdict:
    garden, began = free.get(), time.monotonic()
    try:
        with garden.planted(mutant) as folder:
            status, said = _by_its_killers(folder, mutant)
    finally:
        free.put(garden)
    found = _NOTICED.search(said) if status == KILLED else None
    return Verdict(mutant, found[1] if found else "", time.monotonic() - began, said)


def _by_its_killers(folder: Path, mutant: Mutant) -> tuple[int, str]:
    """How the killers ended that were asked in the copy, by the copy's code, and what they said."""
    status, said = SURVIVED, ""
    if mutant.seeds:
        status, said = asked(folder, "tests.mutations.seeds", str(mutant.seeds))
    if status == SURVIVED and mutant.killers:
        status, said = asked(folder, "pytest", *_OPTIONS, *mutant.killers)
    return status, said


def asked(folder: Path, module: str, *arguments: str) -> tuple[int, str]:
    """Run a module in the copy, by the copy's code: how it ended, and what it said."""
    paths = os.pathsep.join((str(folder), str(folder / "protos/gen")))
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments], cwd=folder, check=False, timeout=SECONDS_MAX,
            env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True,
        )
    except subprocess.TimeoutExpired:
        return -1, f"no end within {SECONDS_MAX} s"
    return done.returncode, done.stdout + done.stderr
