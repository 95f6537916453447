"""Whether much comes in to a lane: then what claims depend on waits for company like everything else, for a batch costs
about the same however small it is; where little comes in, it goes at once, and where next to nothing does, everything.
"""

from collections.abc import Callable

WINDOW_SECONDS = 0.1
"""So far back it is looked how many messages come in."""
COMPANY_MIN = 2.0
"""So many have to be expected while one waits; for fewer, the wait only adds its time to every claim."""

ALONE_MAX = 0.5
"""Where fewer are expected than this, whoever waits waits alone."""


class Company:
    """How many messages come in to a lane, as of late. `monotonic` gives seconds that only grow."""

    def __init__(self, wait_seconds: float, monotonic: Callable[[], float]) -> None:
        self._wait_seconds = wait_seconds
        self._monotonic = monotonic
        self._seen_at = monotonic()
        self._per_second = 0.0

    def seen(self, messages: int) -> None:
        """So many were taken since the last time."""
        now = self._monotonic()
        elapsed = max(now - self._seen_at, 1e-6)
        self._seen_at = now
        weight = min(elapsed / WINDOW_SECONDS, 1.0)
        self._per_second += weight * (messages / elapsed - self._per_second)

    @property
    def expected(self) -> bool:
        """Whether waiting is worth it."""
        return self._per_second * self._wait_seconds >= COMPANY_MIN

    @property
    def alone(self) -> bool:
        """Whether most likely nobody comes while one waits."""
        return self._per_second * self._wait_seconds < ALONE_MAX
