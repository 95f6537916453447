"""The search for a sequence finds one where there is one, and none where there is none."""

from hypothesis import given
from hypothesis import strategies as st

from settle.simulation.checks.linear import Operation, State, linearizable


def _adds(name: str, began: int, ended: int) -> Operation:
    def step(state: State) -> State:
        assert isinstance(state, tuple)
        return (*state, name)

    return Operation(name, began, ended, step)


def _sees(what: tuple[str, ...], began: int, ended: int) -> Operation:
    return Operation(f"sees {what}", began, ended, lambda state: state if state == what else None)


def test_what_overlaps_may_come_in_any_order() -> None:
    """Two writers at once, and a reader who saw only the second."""
    assert linearizable([_adds("a", 0, 10), _adds("b", 0, 10), _sees(("b",), 3, 7)], ())


def test_a_reader_misses_nothing_that_was_over_before() -> None:
    """Nor sees what had not begun, nor goes back behind what another one saw."""
    assert not linearizable([_adds("a", 0, 1), _sees((), 2, 3)], ())
    assert not linearizable([_sees(("a",), 0, 1), _adds("a", 2, 3)], ())
    assert not linearizable([_adds("a", 0, 9), _sees(("a",), 1, 2), _sees((), 3, 4)], ())


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5), st.integers(0, 5)), max_size=7))
def test_whatever_really_was_a_sequence_is_found(instants: list[tuple[int, int, int]]) -> None:
    """Operations with an instant each, told only as an interval around it, the readers among them what they read."""
    state: tuple[str, ...] = ()
    history = []
    for number, (at, before, after) in enumerate(sorted(instants)):
        if number % 2:
            history.append(_sees(state, at - before, at + after))
        else:
            state = (*state, str(number))
            history.append(_adds(str(number), at - before, at + after))

    assert linearizable(history, ())
