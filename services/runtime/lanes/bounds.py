"""What is open already, and how much of it stops new calls: whoever comes then hears when to come again.

Only what begins something new is refused. What is under way goes on, so every bound is left again by itself: what was
decided is sent once Kafka takes it, and sagas end.
"""

import random
import time
from collections.abc import Callable
from typing import Protocol

from services.kernel.effects import A, Effects
from services.kernel.errors import ResourceExhausted
from services.kernel.saga import Phase, Run
from services.runtime.ground import metrics
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.stored import outbox, sagas

COUNT_SECONDS = 5.0
"""How often the database is asked what is open: what other processes began, and dead lanes left behind."""
PROBE_SECONDS = 1.0
"""While Kafka takes nothing, one call in this time is decided all the same: it shows whether Kafka is there again."""
RETRY_MS = 1_000
"""When a refused call may come again, with a spread of half of it, so that not all come at once."""
HARD_FACTOR = 2
"""At so many times the bound of unpublished records nothing is decided any more that could add to them."""


class Publishing(Protocol):
    """What the publisher of a process has before it; both are asked at each call, so they cost no count."""

    @property
    def unpublished(self) -> int: ...
    @property
    def stalled_seconds(self) -> float: ...


class Bounds:
    """What is open in one service, as far as this process knows."""

    def __init__(self, settings: Settings, publishing: Publishing, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._publishing = publishing
        self._now = now
        self._open = 0
        self._left = 0
        self._probed_at = float("-inf")
        metrics.UNPUBLISHED.set_function(lambda: publishing.unpublished)
        metrics.OUTBOX_AGE_SECONDS.set_function(lambda: publishing.stalled_seconds)
        metrics.OPEN_SAGAS.set_function(lambda: self._open)

    @property
    def open_sagas(self) -> int:
        """Sagas under way that wait for no person: as counted last, and what this process committed since."""
        return self._open

    @property
    def overfull(self) -> bool:
        """Whether nothing may be decided that sends something, be it a record or a timer: memory is finite."""
        return self._publishing.unpublished >= HARD_FACTOR * self._settings.unpublished_max

    def admit(self) -> None:
        """Take one call more; raises `ResourceExhausted` where too much is open."""
        settings, publishing = self._settings, self._publishing
        if publishing.unpublished + self._left >= settings.unpublished_max:
            raise _full("unpublished", "UNSENT_BACKLOG", "too much of what was decided before is not sent yet")
        if self._open >= settings.open_sagas_max:
            raise _full("open_sagas", "TOO_MANY_OPEN", "too many settlements are under way")
        if publishing.stalled_seconds > settings.outbox_age_seconds_max:
            if self._now() - self._probed_at < PROBE_SECONDS:
                raise _full("outbox_age", "UNSENT_BACKLOG", "nothing of what was decided before can be sent now")
            self._probed_at = self._now()

    def committed(self, effects: Effects[A]) -> None:
        """Count the sagas that a batch began and ended; one that a person lets go on is counted with the next look."""
        found = effects.found.get(Run, {})
        for run in effects.dirty.get(Run, {}).values():
            assert isinstance(run, Run)
            if run.terminal or run.phase is Phase.FROZEN:
                self._open = max(self._open - (run.id in found), 0)
            elif run.id not in found:
                self._open += 1

    async def count(self, connection: Connection, living: list[int], coordinates: bool) -> None:
        """Ask the database: no further than the bounds reach, however much there is."""
        self._left = await outbox.count_of_others(connection, living, self._settings.unpublished_max)
        if coordinates:
            self._open = await sagas.count_open(connection, HARD_FACTOR * self._settings.open_sagas_max)


def _full(bound: str, reason: str, detail: str) -> ResourceExhausted:
    metrics.REJECTED.labels(bound).inc()
    retry_ms = int(RETRY_MS * random.uniform(0.5, 1.5))
    return ResourceExhausted(reason, detail, {"retry_after_ms": str(retry_ms)})
