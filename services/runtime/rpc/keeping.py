"""Answers of calls that waited for an end, stored in the place of those that told of the beginning.

Many calls end at the same time: while one statement is under way the next ones gather, and go together.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from services.runtime.ground.postgres import Pool
from services.runtime.rpc.errors import passes
from services.runtime.stored import inbox

TOGETHER_MAX = 256
"""So many answers are stored by one statement."""


@dataclass(frozen=True, slots=True)
class _Amendment:
    request_id: str
    told: bytes
    ended: bytes
    kept: "asyncio.Future[bytes | None]"


class Keeper:
    """Stores ends that were waited for; its task lives as long as there is something to store."""

    def __init__(self, pool: Pool, seal_key: bytes = b"") -> None:
        self._pool, self._seal_key = pool, seal_key
        self._waiting: deque[_Amendment] = deque()
        self._task: asyncio.Task[None] | None = None

    async def keep(self, request_id: str, told: bytes, ended: bytes) -> bytes | None:
        """What is stored as the answer then: the end, or what another call under this id stored before.

        None while the database is away.
        """
        kept: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Amendment(request_id, told, ended, kept))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._store())
        return await kept

    async def _store(self) -> None:
        while self._waiting:
            together = [self._waiting.popleft() for _ in range(min(len(self._waiting), TOGETHER_MAX))]
            try:
                async with self._pool.acquire() as connection:
                    ends = [(a.request_id, a.told, a.ended) for a in together]
                    kept = await inbox.amend(connection, ends, self._seal_key)
            except Exception as error:  # every one of those who wait hears of it
                for amendment in together:
                    _tell(amendment, None if passes(error) else error)
            else:
                for amendment in together:
                    stored = kept.get(amendment.request_id, amendment.ended)
                    _tell(amendment, amendment.ended if stored == amendment.told else stored)


def _tell(amendment: _Amendment, told: bytes | Exception | None) -> None:
    if amendment.kept.done():  # its caller left
        return
    if isinstance(told, Exception):
        amendment.kept.set_exception(told)
    else:
        amendment.kept.set_result(told)
