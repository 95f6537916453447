"""The supervisor brings back what crashed, leaves alone what should rest, and says what it does."""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from services.runtime.ground.starting import CANNOT_START
from settle.local import ports
from settle.local.endpoints import serving
from settle.local.supervisor import DEFECTS_MAX, RESTART_SECONDS_MAX, RESTARTS_FAST, Seat, Supervisor, pause_seconds
from tests.settle.local.conftest import Until

READY_SECONDS = 60.0


@dataclass(slots=True)
class Watch:
    """A supervisor with one dummy, and what it said."""

    supervisor: Supervisor
    seat: Seat
    said: list[str] = field(default_factory=list)
    changes: list[int] = field(default_factory=list)

    @property
    def pid(self) -> int:
        """The dummy's process."""
        assert self.seat.child is not None
        return self.seat.child.pid


@pytest.fixture
def watch(folder: Path) -> Iterator[Watch]:
    """One dummy in a folder with a space in its name; nothing launched yet."""
    target = f"{ports.HOST}:{ports.free_ports(1)[0]}"
    environ = os.environ | {"SETTLE_LISTEN": target, "PYTHONPATH": os.pathsep.join(sys.path)}
    said: list[str] = []
    changes: list[int] = []
    supervisor = Supervisor(
        folder / "logs", say=said.append, changed=lambda: changes.append(1), echo=True, revive=True
    )
    supervisor.seats["dummy"] = Seat("dummy", "tests.settle.local.dummy", environ, target)
    yield Watch(supervisor, supervisor.seats["dummy"], said, changes)
    supervisor.stop()


def test_a_crashed_process_is_back_within_two_seconds(watch: Watch, until: Until) -> None:
    """A new process sits in the seat, it serves, and whoever keeps the endpoints is told."""
    watch.supervisor.launch(watch.seat)
    watch.supervisor.wait_ready(READY_SECONDS)
    watch.supervisor.watch({})
    before = watch.pid

    watch.seat.child.kill()  # type: ignore[union-attr]  # it was launched two lines above
    took = until(lambda: watch.pid != before, 2.0)

    assert took < 2.0
    until(lambda: serving(watch.seat.target), READY_SECONDS)
    until(lambda: watch.changes == [1], 2.0)
    assert watch.said[0] == "dummy ended with status -9; starts again in 0 s"


def test_a_process_that_should_rest_is_left_alone(watch: Watch, until: Until) -> None:
    """The supervisor turns, and the seat stays empty."""
    watch.supervisor.launch(watch.seat)
    watch.supervisor.wait_ready(READY_SECONDS)
    before = watch.pid
    watch.seat.wanted = False
    watch.seat.child.kill()  # type: ignore[union-attr]  # it was launched four lines above
    environ = dict(watch.seat.environ) | {"DUMMY_FAILS": "1"}
    other = Seat("other", "tests.settle.local.dummy", environ, watch.seat.target)
    watch.supervisor.seats["other"] = other
    watch.supervisor.launch(other)

    watch.supervisor.watch({})
    until(lambda: other.crashes >= 2, 20.0)

    assert watch.pid == before


def test_a_process_that_ends_at_its_start_is_said_at_once(watch: Watch) -> None:
    """Nobody waits a minute for what is dead; the message names the log, and the log holds its words."""
    watch.seat.environ = dict(watch.seat.environ) | {"DUMMY_FAILS": "1"}
    watch.supervisor.launch(watch.seat)

    with pytest.raises(RuntimeError, match=r"dummy ended at its start; see .*dummy\.log"):
        watch.supervisor.wait_ready(READY_SECONDS)


def test_nobody_starts_over_for_who_is_not_vital(watch: Watch) -> None:
    """It is waited for as long as the others may take, and then said; one that is vital did not start."""
    watch.supervisor.launch(watch.seat)
    watch.supervisor.wait_ready(READY_SECONDS)
    watch.seat.target = f"{ports.HOST}:{ports.free_ports(1)[0]}"
    with pytest.raises(RuntimeError, match="dummy is not ready"):
        watch.supervisor.wait_ready(0.0)

    watch.seat.vital = False
    watch.supervisor.wait_ready(0.0)

    assert watch.said == ["dummy does not serve yet"]


def test_each_line_carries_the_name_of_its_process(
    watch: Watch, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    """Shown with the name, kept without it."""
    watch.supervisor.launch(watch.seat)
    watch.supervisor.wait_ready(READY_SECONDS)

    watch.supervisor.stop()

    assert "dummy | dummy speaks" in capsys.readouterr().err
    assert (folder / "logs" / "dummy.log").read_text().splitlines()[0] == "dummy speaks"


def test_a_process_that_always_ends_right_after_its_start_is_given_up(watch: Watch, until: Until) -> None:
    """A state that it cannot live with (F13: a clock that was set to the end of time) made it restart for ever."""
    watch.supervisor.launch(watch.seat)
    watch.supervisor.wait_ready(READY_SECONDS)
    watch.seat.environ = dict(watch.seat.environ) | {"DUMMY_FAILS": "3"}
    watch.seat.defects = DEFECTS_MAX - 3
    watch.supervisor.watch({})

    watch.seat.child.kill()  # type: ignore[union-attr]  # it was launched five lines above
    failure = watch.supervisor.wait_failed()

    assert re.fullmatch(
        rf"dummy ended {DEFECTS_MAX} times in a row soon after its start, the last time with status 3, "
        r"and is given up; see .*dummy\.log: dummy speaks", failure,
    )
    assert watch.said[-1] == failure
    assert not watch.seat.wanted
    until(lambda: watch.seat.child is not None and not watch.seat.child.running, 1.0)


def test_who_cannot_reach_what_it_needs_is_never_given_up(watch: Watch, until: Until) -> None:
    """An outage passes; each line says what is missing. A death by somebody's hand is no defect either."""
    watch.seat.environ = dict(watch.seat.environ) | {"DUMMY_FAILS": str(CANNOT_START)}
    watch.seat.defects = DEFECTS_MAX - 1
    watch.supervisor.launch(watch.seat)

    watch.supervisor.watch({})
    until(lambda: len(watch.said) >= 2, 20.0)

    assert watch.seat.wanted
    assert watch.seat.defects == 0
    assert set(watch.said) == {"dummy ended with status 2; starts again in 0 s: dummy speaks"}


def test_crash_loops_slow_down_but_never_stop() -> None:
    """At once at first, later up to a bound."""
    assert [pause_seconds(n) for n in range(1, RESTARTS_FAST + 3)] == [0.0] * RESTARTS_FAST + [1.0, 2.0]
    assert pause_seconds(10_000) == RESTART_SECONDS_MAX
