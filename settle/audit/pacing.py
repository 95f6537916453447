"""How much of the machine the auditor takes beside an engine: it works, and then stands still in proportion."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

PERCENT = 5.0


@dataclass(slots=True)
class Pacing:
    """At most `percent` of the time of one core: a little work, and then a pause of so many times as long."""

    percent: float = PERCENT
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    worked: float = 0.0
    """Seconds of work so far."""

    @asynccontextmanager
    async def stint(self) -> AsyncIterator[None]:
        """Work for a short while, and pay for it before the next; whoever holds a snapshot lets go of it inside."""
        began = self.clock()
        try:
            yield
        finally:
            seconds = self.clock() - began
            self.worked += seconds
        await self.sleep(seconds * (100.0 / self.percent - 1.0))
