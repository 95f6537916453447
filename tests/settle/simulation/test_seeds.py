"""Worlds hold; a seed is one world whatever the hash seed is; and a long run has met enough to prove something."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from settle.simulation import telling
from settle.simulation.many import run_many
from settle.simulation.seeds import lived, outcome_of, replay
from settle.simulation.tape import Tape

SAGAS = int(os.environ.get("SETTLE_SIMULATED", "600"))
"""How many settlements are simulated: some in the fast tests, many in the check."""
HISTORIES = Path(__file__).parents[2] / "histories"
_TOLD = """
import json, sys
from settle.simulation.seeds import lived
from settle.simulation.tape import Tape
print(json.dumps(list(lived(Tape(int(sys.argv[1])), told=True).story.lines())))
"""


def test_a_world_without_a_fault_is_one_order_that_is_placed_and_shipped() -> None:
    """The benign world: two settlements, nothing rare, all true."""
    world = lived(Tape())

    assert world.violations == []
    assert world.sagas == 2


@pytest.mark.timeout(1800)
def test_every_fault_and_everything_is_true_in_the_end() -> None:
    """As many settlements as the environment says; a long run has to have met every rare thing."""
    tally = run_many(SAGAS)

    assert telling.held(tally), telling.as_text(tally)
    assert tally.sagas >= SAGAS


@pytest.mark.parametrize("seed", [3, 12, 111])
def test_a_seed_is_the_same_world_whatever_the_hash_seed(seed: int) -> None:
    """To the last line of its story: no set decides what happens, not even who of many that wait is decided first."""
    stories = [
        subprocess.run(
            [sys.executable, "-c", _TOLD, str(seed)], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        ).stdout
        for hash_seed in ("1", "2")
    ]

    assert stories[0] == stories[1]
    assert len(json.loads(stories[0])) > 10


def test_the_choices_of_a_seed_make_the_same_world_again() -> None:
    """What is kept of a failure is enough."""
    drawn = lived(Tape(5))

    again = replay(drawn.tape.choices)

    assert outcome_of(5, again) == outcome_of(5, drawn)


@pytest.mark.parametrize("path", sorted(HISTORIES.glob("*.json")), ids=lambda path: path.stem)
def test_what_failed_once_holds(path: Path) -> None:
    """Every failure that was kept: its world is made again, and is true."""
    world = replay(json.loads(path.read_text())["choices"])

    assert world.violations == []
