"""What the load generator is told, it does."""

import asyncio
from typing import Any

import pytest

from settle.bench.load import BURST, CALLERS, UNANSWERED_MAX, Load, Tally, _rate, obey
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


class Accepting(Load):
    """Every call is accepted."""

    async def _send(self, tally: Tally, target: Target, began: float) -> float:
        tally.started[target.order_id] = began
        return 0.0


async def test_under_overload_a_caller_waits_for_answers_before_it_sends_more() -> None:
    """Whoever sends on without an end measures its own queue; each answer lets one call more be sent."""
    nobody: Any = None
    load, tally = Accepting(nobody, nobody, [], nobody), Tally(0.0, 0)
    sends = [load._caller(3) for _ in range(UNANSWERED_MAX)]
    assert None not in sends
    assert load._caller(3) is None

    assert sends[0] is not None
    await sends[0](tally, Target("ord_1"), 0.0)

    assert (load._caller(3) is None, load._caller(3)) == (False, None)


class Unfinished(Load):
    """A phase is over without a wait for what was sent."""

    async def _finish(self, tally: Tally, until: float) -> dict[str, object]:
        return {}


class Counting:
    """A subscriber to whom nothing is told."""

    count = 0


async def test_a_sender_that_is_late_looks_at_what_was_answered_between_two_bursts() -> None:
    """However much is due at once: what is sent in one go is bounded."""
    nobody: Any = None
    subscriber: Any = Counting()
    load, sent = Unfinished(nobody, subscriber, [Target(f"ord_{number}") for number in range(10_000)], nobody), 0
    bursts: list[int] = []

    async def count(tally: Tally, target: Target, began: float) -> float:
        nonlocal sent
        sent += 1
        return 0.0

    async def look() -> None:
        while True:
            before = sent
            await asyncio.sleep(0)
            bursts.append(sent - before)

    looking = asyncio.create_task(look())
    await load._at_rate(0.05, 1e6, lambda number: count)
    looking.cancel()

    assert sent > BURST
    assert max(bursts) <= 2 * BURST


@pytest.mark.parametrize(("seconds", "latency"), [(4.0, 0.5), (15.0, 1.5), (15.0, 0.0)])
def test_a_rate_is_that_of_a_full_engine(seconds: float, latency: float) -> None:
    """Ten are sent a second: ten are settled a second, however long that takes each, and however short the phase is."""
    began = 100.0
    sent = [began + number / 10 for number in range(int(seconds * 10))]

    assert _rate(began, began + seconds, [each + latency for each in sent]) == pytest.approx(10.0, rel=0.05)


def test_a_phase_of_no_length_has_no_rate() -> None:
    """As one whose orders were used up before it began."""
    assert _rate(100.0, 100.0, []) == 0.0
