"""Each check tells what it is there for: without it, what is planted here would pass."""

import pytest

from settle.simulation.checks import CHECKS, examine, name_of
from settle.simulation.seeds import lived
from settle.simulation.tape import Tape
from tests.settle.simulation.planted import PLANTED, Planted


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.plant.__name__.strip("_"))
def test_what_is_planted_is_told_by_its_check(planted: Planted) -> None:
    """Into a world that holds."""
    world = lived(Tape(planted.seed))
    held = list(world.violations)

    planted.plant(world)
    examine(world)

    assert held == []
    assert planted.check in {each.check for each in world.violations}


def test_something_is_planted_for_every_check() -> None:
    """Whoever adds a check says what it is to tell."""
    assert {name_of(check) for check in CHECKS} <= {planted.check for planted in PLANTED}
