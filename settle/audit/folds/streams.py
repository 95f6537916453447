"""Rows of many aggregates, in their order and a page at a time: memory stays flat, however long one log is."""

from collections.abc import Sequence

import asyncpg

from settle.audit.snapshots import Connection

PAGE_ROWS = 1_000


class Stream:
    """The rows of a query by the aggregate that its first column names; the query takes the ids as its parameter, and
    orders by that column first, as the ids are ordered."""

    def __init__(self, connection: Connection, query: str, ids: Sequence[str]) -> None:
        self._connection, self._query, self._ids = connection, query, ids
        self._cursor: asyncpg.cursor.Cursor[asyncpg.Record] | None = None
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
        if self._cursor is None:
            self._cursor = await self._connection.cursor(self._query, self._ids)
        self._page, self._place = await self._cursor.fetch(PAGE_ROWS), 0
