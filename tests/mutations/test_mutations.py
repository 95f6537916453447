"""The tests are tested: production code with a planted bug never passes them."""

import os
from collections import Counter

import pytest

from tests.mutations import table
from tests.mutations.catalogue import ALL, MONEY, PROTOCOL
from tests.mutations.choosing import chosen, seed_of_the_code
from tests.mutations.killing import Verdict, by_the_simulator, judged
from tests.mutations.mutant import ROOT, Mutant

PLANTED = int(os.environ.get("SETTLE_MUTANTS", "2"))
"""How many bugs a run plants: the check some, the full run all of them."""


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name)
def test_every_bug_fits_the_code_of_today(mutant: Mutant) -> None:
    """Its text stands where it says, once: a patch that went stale would prove nothing."""
    planted = mutant.planted((ROOT / mutant.path).read_text())

    compile(planted, mutant.path, "exec")


def test_there_are_as_many_bugs_as_promised() -> None:
    """Of the protocol and of money (RELIABILITY 7.2), each under a name of its own, each with somebody to notice it."""
    twice = [name for name, count in Counter(mutant.name for mutant in ALL).items() if count > 1]

    assert (len(PROTOCOL) >= 60, len(MONEY) >= 30, twice) == (True, True, [])
    assert [each.name for each in ALL if not (each.killers or each.seeds)] == []


def test_the_table_tells_of_every_bug() -> None:
    """And of no other, and nothing lives: `python -m tests.mutations write`."""
    told = table.told()

    assert told.keys() == {mutant.name for mutant in ALL}
    assert [name for name, noticed in told.items() if not noticed.test.startswith("`")] == []


@pytest.mark.parametrize(("noticed", "said", "cell"), [
    ("simulator::half", "2 passing, 1 failing", "3 (`half`)"), ("", "", "none of 20"),
])
def test_the_table_says_after_how_many_seeds_the_simulator_noticed(noticed: str, said: str, cell: str) -> None:
    """Beside what its killers said, which stays."""
    (mutant,) = by_the_simulator(PROTOCOL[:1], 20)
    before = table.told()[mutant.name]

    text = table.written((), table.told(), simulated=[Verdict(mutant, noticed, 1.0, said)])

    (row,) = [line for line in text.splitlines() if line.startswith(f"| `{mutant.name}` |")]
    assert row.endswith(f"| {before.test} | {before.after} | {cell} |")
    assert mutant.killers == ()


@pytest.mark.timeout(3600)
def test_planted_bugs_are_noticed() -> None:
    """Some of them, other ones with every change of the code."""
    seed = seed_of_the_code()

    alive = [verdict for verdict in judged(chosen(ALL, PLANTED, seed)) if not verdict.killed]

    assert not alive, f"seed {seed}\n" + "\n".join(f"{each.mutant.name}: {each.said}" for each in alive)
