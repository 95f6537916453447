"""The timers of one service: what is set, and of that what is due, found without looking at all of it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from heapq import heappop, heappush

from services.kernel.decision import Timer
from services.kernel.effects import TimerKey
from services.kernel.ids import partition_of
from services.kernel.saga import WAKE


class Timers:
    """All timers by kind and key."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self.all: dict[TimerKey, Timer] = {}
        self._due: list[tuple[datetime, TimerKey]] = []
        self._ripe: dict[TimerKey, None] = {}

    def put(self, timer: Timer) -> None:
        """Set it, or move it."""
        key = timer.kind, timer.key
        self.all[key] = timer
        self._ripe.pop(key, None)
        heappush(self._due, (timer.due_at, key))

    def keep(self, made: Mapping[TimerKey, Timer], cleared: Collection[TimerKey]) -> None:
        """Clear what a transaction cleared, and set what it set."""
        for key in cleared:
            self.all.pop(key, None)
            self._ripe.pop(key, None)
        for timer in made.values():
            self.put(timer)

    def empty(self) -> None:
        """There is none any more."""
        self.all.clear()
        self._ripe.clear()
        self._due.clear()

    def still_due(self, wanted: Mapping[TimerKey, datetime | None], present: datetime) -> set[TimerKey]:
        """Which of these timers are due: at the present, or at their own time where they have one that is later."""
        return {
            key for key, at in wanted.items()
            if (timer := self.all.get(key)) is not None and timer.due_at <= max(present, at or present)
        }

    def find_due(self, partitions: Collection[int], present: datetime) -> list[Timer]:
        """The timers of these partitions that are due: those of sagas, then the others, the oldest first."""
        if not self._ripe and (not self._due or self._due[0][0] > present):
            return []
        self.ripen(present)
        count, timers = self._partitions, self.all
        due = [
            timer for timer in map(timers.__getitem__, self._ripe) if partition_of(timer.root, count) in partitions
        ]
        return sorted(due, key=lambda timer: (timer.kind != WAKE, timer.due_at, timer.kind, timer.key))

    def next_due(self) -> datetime | None:
        """When the next timer is due of those that nobody has found to be due: whoever reads its partition is poked
        once, and looks for itself from then on as long as it works."""
        due = self._due
        while due:
            at, key = due[0]
            timer = self.all.get(key)
            if timer is not None and timer.due_at == at and key not in self._ripe:
                return at
            heappop(due)
        return None

    def ripen(self, present: datetime) -> None:
        """Sort out what is due at this instant; a clock that went back makes some of it wait again."""
        due, ripe, timers = self._due, self._ripe, self.all
        while due and due[0][0] <= present:
            at, key = heappop(due)
            timer = timers.get(key)
            if timer is not None and timer.due_at == at:
                ripe[key] = None
        if not ripe:
            return
        for key in [key for key in ripe if timers[key].due_at > present]:
            del ripe[key]
            heappush(due, (timers[key].due_at, key))
