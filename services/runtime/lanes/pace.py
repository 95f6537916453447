"""How long a lane decides in one transaction, and how many messages it therefore takes.

PostgreSQL ends a transaction that is silent for too long, and everybody waits for a lane that decides: so what does not
fit into the budget is left for the next transaction, and the next takes about as many as will fit.
"""

from collections.abc import Callable
from math import inf
from time import perf_counter

from services.runtime.lanes.item import Item


class Pace:
    """The measure of one lane. A batch `begin`s; admission asks before each message whether it is `enough`; what is
    no deciding, loading and saving, comes after a `pause`."""

    def __init__(
        self, seconds: float = inf, messages_max: int = 1, elapsed: Callable[[], float] = perf_counter
    ) -> None:
        self._seconds = seconds
        self._messages_max = messages_max
        self._elapsed = elapsed
        self._since: float | None = None
        self._under_way: Item | None = None
        self.most = messages_max
        self.spent = self.slowest_seconds = 0.0
        self.slowest: Item | None = None

    def begin(self) -> None:
        """A new transaction: nothing of its budget is spent."""
        self._since = self._under_way = self.slowest = None
        self.spent = self.slowest_seconds = 0.0

    def enough(self, item: Item) -> bool:
        """Whether the budget is spent; if not, this message is decided next."""
        now = self._elapsed()
        if self._since is not None:
            self._count(now - self._since)
        self._since, self._under_way = now, item
        return self.spent > self._seconds

    def go_on(self) -> None:
        """What follows is deciding again, though of nobody's message in particular."""
        self._since, self._under_way = self._elapsed(), None

    def pause(self) -> None:
        """What follows is no deciding."""
        if self._since is not None:
            self._count(self._elapsed() - self._since)
            self._since = None

    def _count(self, seconds: float) -> None:
        self.spent += seconds
        if seconds > self.slowest_seconds:
            self.slowest_seconds, self.slowest = seconds, self._under_way

    def decided(self, count: int) -> None:
        """So many were decided in what was spent: less than fits is taken if it took longer, more if it would fit."""
        if self.spent > self._seconds:
            self.most = max(int(count * self._seconds / self.spent), 1)
        elif self.most < self._messages_max and count and 2 * self.most * self.spent <= self._seconds * count:
            self.most = min(2 * self.most, self._messages_max)
