"""What a run has to have met follows from its length: of a short one nothing, and nothing that chance may keep off."""

from collections import Counter

import pytest

from settle.simulation import telling
from settle.simulation.many import Tally
from settle.simulation.reached import EXPECTED, ONE_IN, RARER, THINGS, demanded

CHECKED, FULL = 60_000, 300_000


def _tally(sagas: int, *unmet: str) -> Tally:
    return Tally(worlds=1, sagas=sagas, reached=Counter(name for name in THINGS if name not in unmet))


def test_only_the_full_run_has_to_meet_all() -> None:
    """The check has to meet most, and what is rarer only where enough worlds are to be expected to meet it."""
    met = {sagas: set(demanded(sagas)) for sagas in (600, CHECKED, FULL)}

    assert met == {600: set(), CHECKED: THINGS.keys() - RARER.keys(), FULL: THINGS.keys()}


@pytest.mark.parametrize("name", ["two_phase", *RARER])
def test_a_thing_is_demanded_from_where_it_is_to_be_expected(name: str) -> None:
    """A run that did not meet it fails from there on, and says so; one settlement less, and it only says so."""
    enough = EXPECTED * RARER.get(name, ONE_IN)

    for sagas, holds in ((enough - 1, True), (enough, False)):
        tally = _tally(sagas, name)
        assert telling.held(tally) is holds
        assert f"not met{' (the run was too short to demand it)' * holds}: {name}" in telling.as_text(tally)


def test_a_list_names_only_what_is_counted() -> None:
    """A name that nothing counts would be demanded, or let pass, for ever."""
    assert RARER.keys() <= THINGS.keys()
