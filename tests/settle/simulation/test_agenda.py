"""Virtual time: things happen in their order, tasks wait for times and signals, and an endless world is told."""

import pytest

from settle.simulation import agenda
from settle.simulation.agenda import Agenda, Endless, Signal, Steps


def test_what_is_put_down_first_happens_first_at_the_same_instant() -> None:
    """Ties are broken by the order in which they were made, never by chance."""
    happened: list[str] = []
    times = Agenda()
    for when, what in ((5, "b"), (3, "a"), (5, "c")):
        times.at(when, lambda _, what=what: happened.append(what))  # type: ignore[misc]  # its type is the queue's

    times.run(10)

    assert happened == ["a", "b", "c"]
    assert times.now == 10


def test_a_task_waits_for_times_and_signals_until_it_is_stopped() -> None:
    """It gets what the signal was rung with."""
    times, signal, heard = Agenda(), Signal(), list[object]()

    def steps() -> Steps:
        yield 5
        heard.append(times.now)
        heard.append((yield signal))
        yield signal
        heard.append("never")

    task = times.start(steps())
    times.run(10)
    signal.ring("rung")
    task.stop()
    signal.ring()

    assert heard == [5, "rung"]


def test_a_world_that_goes_on_and_on_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of a run that never ends."""
    monkeypatch.setattr(agenda, "HAPPENING_MAX", 100)
    times = Agenda()

    def steps() -> Steps:
        while True:
            yield 0

    times.start(steps())

    with pytest.raises(Endless):
        times.run(10)


def test_who_goes_on_at_one_instant_without_a_wait_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a task never comes back to the queue, so it says itself what it does; the next instant begins anew."""
    monkeypatch.setattr(agenda, "AT_ONCE_MAX", 100)
    times, done = Agenda(), list[int]()

    def steps() -> Steps:
        for _ in range(90):
            times.happens()
        yield 1
        while True:
            times.happens()
            done.append(times.now)

    times.start(steps())

    with pytest.raises(Endless):
        times.run(10)
    assert done == [1] * 99
