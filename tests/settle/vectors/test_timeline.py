"""Weaving cases into one timeline."""

from datetime import UTC, datetime

import pytest

from settle.vectors.scenario import Scenario
from settle.vectors.timeline import BadTime, Round, instants, rounds

ONE = datetime(2026, 3, 10, 1, tzinfo=UTC)
TWO = datetime(2026, 3, 10, 2, tzinfo=UTC)


def scenario(*times: str) -> Scenario:
    """A case with events at these instants; "" is an event without one."""
    when = tuple({"type": "REPAY", **({"at": at} if at else {})} for at in times)
    return Scenario(id="X", kind="credit_flow", given={}, when=when, then={}, policies={})


def test_an_event_without_instant_follows_the_one_before_it() -> None:
    """Other offsets are the same instant."""
    assert instants(scenario("2026-03-10T09:00:00+08:00", "", "2026-03-10T02:00:00+00:00")) == (ONE, ONE, TWO)


@pytest.mark.parametrize(
    "times", [("",), ("2026-03-10T09:00:00",), ("2026-03-10T09:00:00+08:00", "2026-03-10T00:59:59Z")]
)
def test_bad_times(times: tuple[str, ...]) -> None:
    """No instant, no offset, running back."""
    with pytest.raises(BadTime):
        instants(scenario(*times))


def test_cases_meet_at_an_instant() -> None:
    """Events at one instant are played together, two of one case one after the other."""
    woven = list(rounds([(ONE, ONE, TWO), (TWO,), (ONE,)]))

    assert woven == [Round(ONE, ((0, 0), (2, 0))), Round(ONE, ((0, 1),)), Round(TWO, ((0, 2), (1, 0)))]


def test_every_event_is_played_once_and_in_order() -> None:
    """Whatever the mixture."""
    times = [(ONE, TWO, TWO), (ONE, ONE, ONE, TWO), (TWO,)]
    played = [move for round_ in rounds(times) for move in round_.moves]

    assert sorted(played) == [(i, n) for i, case in enumerate(times) for n in range(len(case))]
    for index in range(len(times)):
        numbers = [number for case, number in played if case == index]
        assert numbers == sorted(numbers)
