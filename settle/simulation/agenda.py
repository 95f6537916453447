"""What happens when: one queue of virtual time, in microseconds, and the tasks that wait in it."""

from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any, TypeAlias

START = datetime.fromisoformat("2026-03-04T15:59:30+00:00")
"""The instant at which every world begins: half a minute before the midnight of a bill day."""
MS, SECOND = 1_000, 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND
HAPPENING_MAX = 500_000
"""So much happens in one world at most; a usual one comes to an end after a tenth of it."""
AT_ONCE_MAX = 5_000
"""So much happens at one instant at most: ten times what does where all people of a world come at once."""
_MICROSECOND = timedelta(microseconds=1)


def instant(at: int) -> datetime:
    """A virtual time as an instant."""
    return START + timedelta(microseconds=at)


def virtual(at: datetime) -> int:
    """An instant as a virtual time."""
    return (at - START) // _MICROSECOND


class Endless(Exception):
    """A world goes on and on."""


class Signal:
    """Something that tasks wait for; each time it rings, all who wait go on."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[Callable[[Any], None]] = []

    def tell(self, resume: Callable[[Any], None]) -> None:
        """Call this once, when it rings."""
        self._waiting.append(resume)

    def ring(self, value: Any = None) -> None:  # Any: whatever they wait for
        """Let all go on who wait, in the order in which they came."""
        waiting, self._waiting = self._waiting, []
        for resume in waiting:
            resume(value)


Steps: TypeAlias = "Generator[int | Signal, Any, Any]"
"""What a task does: it yields the time for which it waits, or the signal."""


class Agenda:
    """Virtual time. Of two things at one instant the one that was put down first happens first."""

    def __init__(self) -> None:
        self.now = 0
        self._queue: list[tuple[int, int, Callable[[Any], None]]] = []
        self._number = self._happened = self._at_once = 0

    def at(self, when: int, act: Callable[[Any], None]) -> None:
        """Do this then, or now, if that is past."""
        self._number += 1
        heappush(self._queue, (max(when, self.now), self._number, act))

    def after(self, delay: int, act: Callable[[Any], None]) -> None:
        """Do this after so long."""
        self._number += 1
        heappush(self._queue, (self.now + delay, self._number, act))

    def start(self, steps: Steps) -> "Task":
        """Begin a task at once, as soon as what happens now is over."""
        task = Task(self, steps)
        self.after(0, task.resume)
        return task

    def run(self, until: int) -> None:
        """Let everything happen up to an instant."""
        queue = self._queue
        while queue and queue[0][0] <= until:
            when, _, act = heappop(queue)
            if when != self.now:
                self.now, self._at_once = when, 0
            self.happens()
            act(None)
        if until > self.now:
            self.now, self._at_once = until, 0

    def happens(self) -> None:
        """Count one thing more, of the queue or of who does the next thing without a wait; raises `Endless` if it goes
        on and on."""
        self._happened += 1
        self._at_once += 1
        if self._at_once > AT_ONCE_MAX:
            raise Endless(f"{self._at_once} things happened at one instant, and it goes on")
        if self._happened > HAPPENING_MAX:
            raise Endless(f"{self._happened} things happened, and it goes on")

    @property
    def following(self) -> int | None:
        """When something happens next."""
        return self._queue[0][0] if self._queue else None


class Task:
    """Something that goes on by itself, until it ends or is stopped."""

    __slots__ = ("_agenda", "_steps", "alive")

    def __init__(self, agenda: Agenda, steps: Steps) -> None:
        self._agenda = agenda
        self._steps = steps
        self.alive = True

    def resume(self, value: Any = None) -> None:  # Any: what the signal was rung with
        """Go on, up to the next wait."""
        if not self.alive:
            return
        try:
            wait = self._steps.send(value)
        except StopIteration:
            self.alive = False
            return
        if isinstance(wait, int):
            self._agenda.after(wait, self.resume)
        else:
            wait.tell(self.resume)

    def stop(self) -> None:
        """It does nothing any more."""
        if self.alive:
            self.alive = False
            self._steps.close()
