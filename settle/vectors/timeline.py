"""Many cases woven into one timeline: since each is its own world, all that stand at one instant are played together.

A *round* is one instant and at most one event of each case: the clock is moved once, the commands go out together, and
one wait for rest serves them all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from settle.vectors.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Round:
    """What is played at one instant: (index of the case, index of its event)."""

    at: datetime
    moves: tuple[tuple[int, int], ...]


class BadTime(Exception):
    """An event without an instant, or one that lies before the event before it."""


def instants(scenario: Scenario, begins_at: datetime | None = None) -> tuple[datetime, ...]:
    """When each event happens; one without `at` happens at the instant of the event before it, the first one at the
    beginning of the case, if it has one."""
    times: list[datetime] = []
    for number, event in enumerate(scenario.when):
        if "at" in event:
            times.append(datetime.fromisoformat(event["at"]))
        elif times:
            times.append(times[-1])
        elif begins_at is not None:
            times.append(begins_at)
        else:
            raise BadTime(f"event {number} says no instant")
        if times[-1].tzinfo is None or (number and times[-1] < times[-2]):
            raise BadTime(f"event {number} has the instant {event.get('at')}")
    return tuple(times)


def rounds(times: Sequence[tuple[datetime, ...]]) -> Iterator[Round]:
    """All events of all cases in the order of time; two events of one case at one instant are two rounds."""
    moves = sorted(
        (at, sum(1 for earlier in case[:number] if earlier == at), index, number)
        for index, case in enumerate(times)
        for number, at in enumerate(case)
    )
    for (at, _), group in groupby(moves, key=lambda move: move[:2]):
        yield Round(at, tuple((index, number) for _, _, index, number in group))
