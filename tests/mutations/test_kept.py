"""A failure that `settle simulate --save` kept is a test: it fails as long as its bug is there, and holds without."""

import json
from pathlib import Path

import pytest

from settle.simulation.tape import weight
from tests.mutations.catalogue import PROTOCOL
from tests.mutations.killing import KILLED, SURVIVED, asked
from tests.mutations.planting import Garden

WEIGHT_MAX = 10
"""So many choices at most are left of a failure."""
_RUN = ("--sagas", "1", "--from", "1", "--processes", "1", "--json", "--save")
_REPLAY = ("tests/settle/simulation/test_seeds.py", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-k")


@pytest.mark.timeout(600)
def test_what_was_kept_of_a_failure_fails_with_its_bug_and_holds_without(tmp_path: Path) -> None:
    """The CANCEL that overtook its TRY, in a few choices; a run for a machine keeps it as well."""
    garden = Garden(tmp_path)
    histories = garden.folder / "tests" / "histories"
    before = set(histories.iterdir())
    (bug,) = (mutant for mutant in PROTOCOL if mutant.name == "no_tombstone")

    with garden.planted(bug) as folder:
        found, _ = asked(folder, "settle.cli", "simulate", *_RUN)
        (kept,) = set(histories.iterdir()) - before
        fails, said = asked(folder, "pytest", *_REPLAY, kept.stem)
    holds, _ = asked(garden.folder, "pytest", *_REPLAY, kept.stem)

    history = json.loads(kept.read_text())
    assert (found, fails, holds) == (KILLED, KILLED, SURVIVED)
    assert (history["check"], f"[{kept.stem}]" in said) == ("half", True)
    assert weight(history["choices"]) <= WEIGHT_MAX
