"""How long a call that comes now would wait for its lane: whoever would wait too long hears at once when to come again.

Waiting would not help it: what waits longer than its caller does is decided for nobody, and costs those behind it their
turn. So the queue is as long as the lane decides in a bounded time, however much comes.
"""

import random
from collections.abc import Callable

WINDOW_SECONDS = 1.0
"""So far back it is looked how fast calls are decided."""
ALWAYS_TAKEN = 512
"""So many may wait in any case: a lane at rest has shown nothing yet, and small batches show less than it can."""
RETURNING_SHARE = 0.5
"""Whoever was refused comes again at this share of the rate at which calls are decided; the rest is for new ones."""
RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 0.25, 30.0
SPREAD = 0.2
"""By so much of it a time to come again differs from what it would be, so that callers do not march in step."""


class Outlook:
    """The measure of one lane. `monotonic` gives seconds that only grow."""

    def __init__(
        self, seconds_max: float, monotonic: Callable[[], float], spread: Callable[[float, float], float] | None = None,
    ) -> None:
        self._seconds_max = seconds_max
        self._monotonic = monotonic
        self._spread = spread or random.uniform
        self._began_at = monotonic()
        self._next_return = 0.0
        self.per_second = 0.0

    def began(self) -> None:
        """A batch is taken."""
        self._began_at = self._monotonic()

    def decided(self, calls: int) -> None:
        """So many calls were decided by the batch that was taken last; one without any says nothing."""
        elapsed = max(self._monotonic() - self._began_at, 1e-6)
        if calls:
            weight = min(elapsed / WINDOW_SECONDS, 1.0) if self.per_second else 1.0
            self.per_second += weight * (calls / elapsed - self.per_second)

    def crowded(self, waiting: int) -> bool:
        """Whether one call more would wait too long behind so many."""
        return waiting >= max(ALWAYS_TAKEN, self.per_second * self._seconds_max)

    def retry_seconds(self) -> float:
        """When a refused call may come again: behind all that were told so before, one after the other."""
        now = self._monotonic()
        step = 1 / max(self.per_second * RETURNING_SHARE, 1.0)
        at = min(max(self._next_return + step, now + RETRY_SECONDS_MIN), now + RETRY_SECONDS_MAX)
        self._next_return = at
        return (at - now) * self._spread(1 - SPREAD, 1 + SPREAD)
