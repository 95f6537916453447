"""What a process does again and again beside its lanes. What fails changes nothing, and the next round does it."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import suppress

import structlog

from services.runtime.ground.postgres import Pool
from services.runtime.ground.settings import Settings
from services.runtime.kafka import undeliverable
from services.runtime.kafka.publisher import Publisher, publish_leftovers
from services.runtime.lanes.bounds import COUNT_SECONDS
from services.runtime.lanes.business import Recording
from services.runtime.lanes.lanes import Lanes
from services.runtime.service import Service

SWEEP_SECONDS = 3.0
"""How often the outbox is searched for what dead lanes left behind; it is at once when a lane is seen to be gone."""
SEAL_SECONDS = 1.0
"""How often a permanent record is searched for what is not chained yet."""

log = structlog.get_logger(__name__)


class Chores:
    """Those of one process of a service, each of the `works` a task of its own. `lane_gone` makes the next sweep come
    at once."""

    def __init__(self, service: Service, settings: Settings, pool: Pool, lanes: Lanes, publisher: Publisher) -> None:
        self._service = service
        self._seal_key = settings.chain_key
        self._pool = pool
        self._lanes = lanes
        self._publisher = publisher
        self._topics = undeliverable.topics_known_to(service.name)
        self.lane_gone = asyncio.Event()

    def works(self) -> Iterator[Coroutine[None, None, None]]:
        """What is to be run for as long as the process lives."""
        yield self._sweep_regularly()
        yield self._count_regularly()
        if self._service.recording is not None:
            yield self._seal_regularly(self._service.recording)

    async def sweep(self) -> None:
        """Publish what dead lanes left, and set aside what has nowhere to go."""
        try:
            await undeliverable.sweep(self._pool, self._lanes.alive(), self._topics, self._seal_key)
            if count := await publish_leftovers(self._pool, self._publisher, self._lanes.alive):
                log.info("leftovers_published", records=count)
        except Exception as error:  # the next round does it; the rows stay where they are
            log.warning("sweep_failed", error=repr(error))

    async def _sweep_regularly(self) -> None:
        while True:
            self.lane_gone.clear()
            await self.sweep()
            with suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_SECONDS):
                    await self.lane_gone.wait()

    async def _count_regularly(self) -> None:
        """What the bounds know only from the database."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    coordinates = self._service.definitions is not None
                    await self._lanes.bounds.count(connection, self._lanes.alive(), coordinates)
            except Exception as error:  # what was counted last holds until the next time
                log.warning("not_counted", error=repr(error))
            await asyncio.sleep(COUNT_SECONDS)

    async def _seal_regularly(self, recording: Recording) -> None:
        """Beside the lanes, which never wait for it: what is recorded is chained a moment later."""
        while True:
            sealed = 0
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    sealed = await recording.seal(connection, self._seal_key)
            except Exception as error:  # the next round does it; the auditor tells what stays unsealed
                log.warning("not_sealed", error=repr(error))
            if not sealed:
                await asyncio.sleep(SEAL_SECONDS)
