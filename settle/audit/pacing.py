"""How much of the machine the auditor takes beside an engine: it works, and then stands still in proportion."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

PERCENT = 5.0
HELD_SECONDS_MAX = 0.5
"""While a snapshot is held it stands still for so long at most, lest vacuum be held back; the rest comes afterwards."""


@dataclass(slots=True)
class Pacing:
    """At most `percent` of the time of one core: one question at a time, and a pause after each."""

    percent: float = PERCENT
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    worked: float = 0.0
    """Seconds of work so far."""
    owed: float = 0.0
    """Seconds to stand still that are still owed."""
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Ask one question while a snapshot is held, alone."""
        async with self._alone:
            began = self.clock()
            try:
                yield
            finally:
                self._add(self.clock() - began)
            pause = min(self.owed, HELD_SECONDS_MAX)
            self.owed -= pause
            await self.sleep(pause)

    @asynccontextmanager
    async def stint(self) -> AsyncIterator[None]:
        """Work for a short while, and pay for it and for all that is owed before the next."""
        began = self.clock()
        try:
            yield
        finally:
            self._add(self.clock() - began)
        await self.settle()

    async def settle(self) -> None:
        """Stand still for all that is owed."""
        pause, self.owed = self.owed, 0.0
        await self.sleep(pause)

    def _add(self, seconds: float) -> None:
        self.worked += seconds
        self.owed += seconds * (100.0 / self.percent - 1.0)
