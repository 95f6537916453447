"""Whether the clock of this machine agrees with the database's.

Decisions get the database's time, so a wrong clock harms none of them; but certificates and logs, and whoever compares
them, go by another time than the settlements.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from services.runtime.ground import metrics
from services.runtime.ground.postgres import Pool
from services.runtime.ground.tables import Connection

CLOCK_OFF_SECONDS_MAX = 5.0
"""A process whose clock is further off is not ready."""
CHECK_SECONDS = 2.0

log = structlog.get_logger(__name__)


def machine_time() -> datetime:
    """The present instant as this machine has it."""
    return datetime.now(UTC)


class ClockCheck:
    """Compares the two clocks, once by `look` and then regularly by `run`; `fault` says what is wrong, if anything."""

    def __init__(self, machine: Callable[[], datetime] = machine_time) -> None:
        self._machine = machine
        self.fault = ""

    async def run(self, pool: Pool) -> None:
        """Look until cancelled. While the database is away, what was seen last stands."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                async with pool.acquire() as connection:
                    await self.look(connection)
            except Exception as error:  # the next round looks again
                log.info("clock_not_checked", error=repr(error))

    async def look(self, connection: Connection) -> None:
        """Compare; what the question itself took counts for neither clock."""
        before = self._machine()
        database: datetime = await connection.fetchval("select clock_timestamp()")
        after = self._machine()
        ahead, behind = (before - database).total_seconds(), (database - after).total_seconds()
        self._judge(ahead if ahead > 0 else -max(behind, 0.0))

    def _judge(self, off: float) -> None:
        metrics.CLOCK_OFF_SECONDS.set(off)
        was, self.fault = self.fault, ""
        if abs(off) > CLOCK_OFF_SECONDS_MAX:
            where = "ahead of" if off > 0 else "behind"
            self.fault = f"the clock is {abs(off):.1f} s {where} the database's, at most {CLOCK_OFF_SECONDS_MAX:.0f} s"
        if self.fault and not was:
            log.error("clock_wrong", off_seconds=round(off, 3), why=self.fault)
        elif was and not self.fault:
            log.info("clock_right_again", off_seconds=round(off, 3))
