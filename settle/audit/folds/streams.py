"""Rows of many aggregates, in their order and a page at a time: memory stays flat, however long one log is."""

from collections.abc import Sequence

import asyncpg

from settle.audit.shared_reads import pages_of
from settle.audit.snapshots import World


class Stream:
    """The rows of a query by the aggregate that its first column names; the query takes the ids as its parameter, and
    orders by that column first, as the ids are ordered."""

    def __init__(self, world: World, service: str, query: str, ids: Sequence[str]) -> None:
        self._pages = pages_of(world, service, query, ids)
        self._page: list[asyncpg.Record] = []
        self._place = 0

    async def take(self, aggregate_id: str) -> list[asyncpg.Record]:
        """Some of the rows of this aggregate, in order: the next ones each time, and none where no more are left."""
        if self._place == len(self._page):
            await self._turn()
        page, begin, end = self._page, self._place, self._place
        while end < len(page) and page[end][0] == aggregate_id:
            end += 1
        self._place = end
        return page[begin:end]

    async def _turn(self) -> None:
        self._page, self._place = await anext(self._pages, []), 0
