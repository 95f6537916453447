"""One saga over up to three participants, in every order, with every loss, repetition and crash: not a sample."""

from functools import cache

import pytest

from settle.simulation.exhaustive.errands import Shelf
from settle.simulation.exhaustive.explorer import explore
from settle.simulation.exhaustive.scopes import LARGE, LARGEST, SMALL
from settle.simulation.exhaustive.world import Scope

FREE, FULL, WRONG = Shelf


explored = cache(explore)


def _named(scope: Scope) -> str:
    return "-".join(scope.shelves) + ("-in-turn" if scope.in_turn else "") + ("-set-aside" if scope.sets_aside else "")


@pytest.mark.parametrize(
    "scope", [*SMALL, *LARGE, *(pytest.param(each, marks=pytest.mark.long) for each in LARGEST)], ids=_named
)
def test_no_order_of_things_breaks_a_law(scope: Scope) -> None:
    """Nobody sees a half, no decision is taken back, no claim is left, and every state comes to its end."""
    found = explored(scope)

    assert (found.flaw, found.story, found.complete) == ("", (), True)
    assert found.states > 1_000


@pytest.mark.parametrize("shelves", [(FREE,), (FREE, FREE), (FREE, FULL)])
def test_without_the_store_that_refuses_what_collides_a_decision_is_taken_back(shelves: tuple[Shelf, ...]) -> None:
    """Two processes decide the same saga: what the laws here are worth, and what the versions of rows are worth."""
    found = explore(Scope(shelves, refuses=False))

    assert "became" in found.flaw
    assert found.story[-1] == "the second process commits"


def test_what_a_single_participant_did_wrong_waits_for_ever() -> None:
    """Nothing can undo it, and the saga never says that it went well: a person has to put it right."""
    found = explore(Scope((WRONG,)))

    assert (found.flaw, found.complete) == ("it never comes to its end", True)


def test_the_rare_things_happen() -> None:
    """What is explored holds what it is explored for."""
    found = explored(LARGE[0])

    for what in (
        "a person resolves it at shelf 1", "a person lets it go on", "the second process commits",
        "the second process dies", "all is lost", "the deadline passes", "shelf 1 answers TRY PARKED",
    ):
        assert found.reached[what] > 0, what
    assert found.answers >= {"TRY TOMBSTONED", "TRY REFUSED", "CONFIRM PARKED", "CANCEL PARKED", "CANCEL DONE"}
