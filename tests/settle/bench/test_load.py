"""What the load generator is told, it does."""

from typing import Any

import pytest

from settle.bench.load import CALLERS, Load, Tally, obey
from settle.bench.targets import Target


class Heard:
    """Takes the phases of load and remembers them."""

    def __init__(self) -> None:
        self.phases: list[tuple[object, ...]] = []

    async def closed(self, seconds: float) -> dict[str, object]:
        """Note it."""
        self.phases.append(("closed", seconds))
        return {}

    async def open(self, seconds: float, rate: float) -> dict[str, object]:
        """Note it."""
        self.phases.append(("open", seconds, rate))
        return {}

    async def idle(self, seconds: float) -> dict[str, object]:
        """Note it."""
        self.phases.append(("idle", seconds))
        return {}

    async def overload(self, seconds: float, rate: float) -> dict[str, object]:
        """Note it."""
        self.phases.append(("overload", seconds, rate))
        return {}

    async def streamed(self, seconds: float, streams: int) -> dict[str, object]:
        """Note it."""
        self.phases.append(("streamed", seconds, streams))
        return {}

    async def batch(self, seconds: float, size: int) -> dict[str, object]:
        """Note it."""
        self.phases.append(("batch", seconds, size))
        return {}


async def test_a_phase_may_last_a_fraction_of_a_second() -> None:
    """Also one of batches, whose size is a whole number."""
    heard = Heard()
    load: Any = heard  # only its phases are asked for

    for command in ("closed 6.0", "open 15.0 412.5", "streamed 2.0 8", "batch 1.5 200", "idle 1", "overload 2 5e3"):
        await obey(load, command.split())

    assert heard.phases == [
        ("closed", 6.0), ("open", 15.0, 412.5), ("streamed", 2.0, 8), ("batch", 1.5, 200), ("idle", 1.0),
        ("overload", 2.0, 5_000.0),
    ]


@pytest.mark.parametrize("command", ["", "closed", "rest 3", "batch 1.5 2.5"])
async def test_what_is_no_phase_is_refused(command: str) -> None:
    """Instead of a phase that nobody asked for."""
    load: Any = Heard()

    with pytest.raises(ValueError, match=r"phase|invalid literal"):
        await obey(load, command.split())


class Refusing(Load):
    """Every call is refused, with ten seconds to wait."""

    async def _send(self, tally: Tally, target: Target, began: float) -> float:
        return 10.0


async def test_under_overload_a_caller_that_was_refused_is_quiet_as_long_as_it_was_told_to_be() -> None:
    """What it had to send meanwhile is offered, and counted as held back; the others send on."""
    nobody: Any = None
    target, tally = Target("ord_1"), Tally(0.0, 0)
    load = Refusing(nobody, nobody, [target], nobody)
    send = load._caller(3)
    assert send is not None

    await send(tally, target, 0.0)

    assert (load._caller(3), load._caller(3 + CALLERS)) == (None, None)
    assert load._caller(4) is not None
    assert (len(tally.refused), list(load._refused)) == (1, [target])
