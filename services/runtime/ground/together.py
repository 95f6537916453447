"""Calls that look for one row each, and one query for all who ask while another is under way."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """Finds things by their keys. `look` reads those that there are of some keys; one look is under way at a time, and
    whoever asks meanwhile shares the next one, with what it raises."""

    def __init__(self, look: Callable[[Sequence[str]], Awaitable[Mapping[str, T]]]) -> None:
        self._look = look
        self._asked: dict[str, asyncio.Future[T | None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def find(self, key: str) -> T | None:
        """What has this key, as it is once this is asked; None if there is nothing."""
        found = self._asked.get(key)
        if found is None:
            found = self._asked[key] = asyncio.get_running_loop().create_future()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await asyncio.shield(found)

    async def _work(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, {}
            try:
                found = await self._look(sorted(asked))
            except Exception as error:  # whoever asked hears it, as if each had looked alone
                for each in asked.values():
                    each.set_exception(error)
                    with suppress(Exception):
                        each.exception()  # nobody may wait for it any more
            else:
                for key, each in asked.items():
                    each.set_result(found.get(key))
