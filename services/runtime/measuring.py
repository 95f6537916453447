"""Tells in the metrics what is open, how much, and since when: settlements, payments, messages that are set aside.

Every process of a service asks the one database, so all tell the same; a dashboard takes the largest. What is counted
is bounded, and asked for on a connection that no reader waits for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog
from prometheus_client import Gauge

from services.runtime.ground import metrics
from services.runtime.ground.clock import Clock
from services.runtime.ground.postgres import Pool
from services.runtime.ground.tables import Connection
from services.runtime.stored.open_work import OpenWork, open_sagas, parked_open

EVERY_SECONDS = 10.0
COUNT_MAX = 20_000
"""No more rows of a kind are looked at: beyond, the number says only that there are too many."""

OpenPayments = Callable[[Connection, int], Awaitable[Sequence[OpenWork]]]

log = structlog.get_logger(__name__)


class Measuring:
    """Counts regularly; `look` counts once. `coordinates` says whether the service has sagas of its own."""

    def __init__(
        self, pool: Pool, clock: Clock, coordinates: bool, open_payments: OpenPayments | None,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._coordinates = coordinates
        self._open_payments = open_payments
        self._every_seconds = every_seconds

    async def run(self) -> None:
        """Until cancelled. While the database is away, what was counted last stands."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    await self.look(connection)
            except Exception as error:  # the alerts on readiness tell that the database is away; the next look counts
                log.warning("not_measured", error=repr(error))
            await asyncio.sleep(self._every_seconds)

    async def look(self, connection: Connection) -> None:
        """Count once."""
        now = await self._clock.now(connection)
        metrics.PARKED_OPEN.set(await parked_open(connection, COUNT_MAX))
        if self._coordinates:
            found = await open_sagas(connection, COUNT_MAX)
            _show(found, now, metrics.SETTLEMENTS_OPEN, metrics.SETTLEMENT_OLDEST_SECONDS)
        if self._open_payments is not None:
            found = await self._open_payments(connection, COUNT_MAX)
            _show(found, now, metrics.PAYMENTS_OPEN, metrics.PAYMENT_OLDEST_SECONDS)
            metrics.PAYMENTS_OPEN_MINOR.clear()
            for each in found:
                metrics.PAYMENTS_OPEN_MINOR.labels(*each.labels).set(each.amount_minor)


def _show(found: Sequence[OpenWork], now: datetime, count: Gauge, oldest_seconds: Gauge) -> None:
    """What is not found any more is gone from the metrics, too."""
    count.clear()
    oldest_seconds.clear()
    for each in found:
        count.labels(*each.labels).set(each.count)
        oldest_seconds.labels(*each.labels).set(max(0.0, (now - each.oldest_at).total_seconds()))
