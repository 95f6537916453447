"""Which rows of the outbox are on their way from one process, and which Kafka has: values only, no connection."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from services.runtime.stored.outbox import Row

Place: TypeAlias = tuple[int, int]
"""A row of the outbox: its lane and its number there."""


class UnderWay:
    """The memory of a process about what it publishes: of its own lanes everything, of others what it took over."""

    def __init__(self) -> None:
        self._put: dict[int, int] = {}
        self._open: dict[int, dict[int, None]] = {}
        self._taken: set[Place] = set()
        self._acknowledged: list[Place] = []

    def put(self, lane_id: int, last_seq: int, count: int) -> list[Place]:
        """The last `count` rows of an own lane, up to this number, are on their way from now on."""
        self._put[lane_id] = last_seq
        places = [(lane_id, seq) for seq in range(last_seq - count + 1, last_seq + 1)]
        self._open.setdefault(lane_id, {}).update((seq, None) for _, seq in places)
        return places

    def take(self, rows: Iterable[Row]) -> list[Row]:
        """Those of these rows of other lanes that are not on their way from here yet; they are from now on."""
        fresh = []
        for row in rows:
            place = (row.lane_id, row.seq)
            if row.seq > self._put.get(row.lane_id, 0) and place not in self._taken:
                self._taken.add(place)
                fresh.append(row)
        return fresh

    def holds(self, lane_id: int) -> tuple[int, list[int]]:
        """Which rows of a lane are on their way from here: all up to a number, and some beyond it."""
        return self._put.get(lane_id, 0), [seq for lane, seq in self._taken if lane == lane_id]

    def done(self, place: Place) -> None:
        """Kafka has this one."""
        self._acknowledged.append(place)
        if (under_way := self._open.get(place[0])) is not None:
            under_way.pop(place[1], None)

    def acknowledged(self) -> tuple[Sequence[Place], Mapping[int, int]]:
        """What Kafka has and the outbox still holds, and of each own lane the number up to which it has everything;
        say `cleared` or `kept` of them."""
        done, self._acknowledged = self._acknowledged, []
        return done, {lane: next(iter(left), self._put[lane] + 1) - 1 for lane, left in self._open.items()}

    def cleared(self, places: Sequence[Place]) -> None:
        """The outbox has forgotten these."""
        self._taken.difference_update(places)
        self._open = {lane: left for lane, left in self._open.items() if left}

    def kept(self, places: Sequence[Place]) -> None:
        """The outbox could not be told about these: the next round tells it again."""
        self._acknowledged = [*places, *self._acknowledged]
