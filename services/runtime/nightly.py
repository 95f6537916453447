"""What was kept long enough goes, once a day, beside the lanes: in short transactions, with longer pauses between them.

One process of a service does it, under the role that owns the tables (`SETTLE_OWNER_DSN`, else the service's own). What
was done is remembered: a run that is interrupted is gone on with by the next.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import asyncpg
import structlog

from services.kernel.coordination import Definitions
from services.runtime.ground.clock import Clock
from services.runtime.ground.postgres import CONNECTION_ERRORS, connect_owner
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.stored import pruning, sagas
from services.runtime.stored.oldest_sagas import OldestSagas
from services.runtime.stored.pruning import Pruned

EVERY_SECONDS = 86_400.0
FIRST_SECONDS = 900.0
"""After a start: the lanes have caught up by then."""
PAUSES = 10
"""A pause is so many times as long as what was done before it."""
PAUSE_SECONDS_MIN = 0.005
CLOCKS_APART = timedelta(hours=1)
"""So far behind its coordinator's may a participant's database be: what it answered may look older than its saga."""
_LOCK = 0x5E79

log = structlog.get_logger(__name__)
Slice = Callable[[], Awaitable[int]]


class Nightly:
    """The job of one process: `run` it, or `prune` once."""

    def __init__(
        self, settings: Settings, clock: Clock, definitions: Definitions | None, oldest: OldestSagas
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._definitions = definitions
        self._oldest = oldest

    async def run(self) -> None:
        """Once a day, until cancelled."""
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            try:
                if done := await self.prune():
                    log.info("pruned", **done)
            except (asyncpg.PostgresError, *CONNECTION_ERRORS) as error:  # the next run goes on where this one ended
                log.warning("pruning_failed", error=repr(error))
            except Exception as error:  # a defect here must not end a process that serves
                log.error("pruning_fell_over", error=repr(error), exc_info=error)
            await asyncio.sleep(EVERY_SECONDS)

    async def prune(self) -> dict[str, int]:
        """Digest and delete what is due; answers how many rows of what. Nothing if another process is at it."""
        connection = await connect_owner(self._settings)
        try:
            if not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):
                return {}
            return dict(+Counter(await self._prune(connection)))
        finally:
            await connection.close()

    async def _prune(self, connection: Connection) -> dict[str, int]:
        now = await self._clock.now(connection)
        before = now - timedelta(days=self._settings.retention_days)
        done = {"digests": 0}
        if self._definitions is not None:
            done["digests"] = await self._digest(connection, self._definitions, before)
        done["parked"] = await _until_none(connection, lambda: pruning.prune_parked(connection, before))
        horizon = await self._oldest.horizon(connection)
        done["requests"] = await _in_windows(connection, Pruned.ANSWERS_OF_REQUESTS, before)
        if horizon is not None:
            until = min(before, horizon - CLOCKS_APART)
            done["branches"] = await _in_windows(connection, Pruned.ANSWERS_OF_BRANCHES, until)
        if days := self._settings.events_retention_days:
            until = now - timedelta(days=days)
            done["events"] = await _in_windows(connection, Pruned.EVENTS, until, self._settings.chain_key)
        return done

    async def _digest(self, connection: Connection, definitions: Definitions, before: datetime) -> int:
        count = await _until_none(
            connection,
            lambda: sagas.digest(connection, definitions, before, pruning.SLICE_ROWS, self._settings.chain_key),
        )
        self._oldest.own = await sagas.oldest(connection) or before
        participants = {each.service for definition in definitions for each in definition.participants}
        if self._settings.service in participants:
            self._oldest.hear_own(self._settings.service)
        return count


async def _in_windows(connection: Connection, kind: Pruned, until: datetime, chain_key: bytes = b"") -> int:
    """Prune this kind up to an instant; answers how many rows."""
    windows, count = await pruning.windows(connection, kind, until), 0
    while windows:
        rows = await _gently(connection, lambda: pruning.prune(connection, kind, windows.next(), chain_key))
        windows.pruned(rows)
        count += rows
    return count


async def _until_none(connection: Connection, one: Slice) -> int:
    count = 0
    while rows := await _gently(connection, one):
        count += rows
    return count


async def _gently(connection: Connection, one: Slice) -> int:
    """One slice in its transaction, and a pause in proportion to it: the lanes lose a tenth of one backend at most."""
    began = time.monotonic()
    async with connection.transaction():
        rows = await one()
    await asyncio.sleep(max((time.monotonic() - began) * PAUSES, PAUSE_SECONDS_MIN))
    return rows
