"""The tape: one seed is one chance, what was chosen is chosen again, and nothing chosen is the benign thing."""

from hypothesis import given
from hypothesis import strategies as st

from settle.simulation.swarm import draw
from settle.simulation.tape import Tape, weight


@given(seed=st.integers(0, 2**32), sizes=st.lists(st.integers(1, 1_000), max_size=30))
def test_what_a_seed_chose_is_chosen_again(seed: int, sizes: list[int]) -> None:
    """From the choices alone, to the last one."""
    drawn = Tape(seed)
    first = [drawn.track("a").below(size) for size in sizes]

    again = Tape(given=drawn.choices)

    assert [again.track("a").below(size) for size in sizes] == first
    assert again.choices == drawn.choices


def test_a_track_does_not_hear_what_is_drawn_from_another() -> None:
    """So a part of the world can fall away, and the rest stays as it was."""
    alone, beside = Tape(7), Tape(7)
    beside.track("other").below(100)

    assert [alone.track("a").below(100) for _ in range(5)] == [beside.track("a").below(100) for _ in range(5)]


def test_nothing_chosen_is_a_world_in_which_nothing_goes_wrong() -> None:
    """One order, and no fault: the world that every failure is shrunk towards."""
    tape = Tape()
    swarm = draw(tape.track("swarm"))

    assert (swarm.orders, swarm.crash, swarm.lost, swarm.doubled, swarm.skew) == (1, 0, 0, 0, 0)
    assert not tape.track("any").chance(999)
    assert weight(tape.choices) == 0
