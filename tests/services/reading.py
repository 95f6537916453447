"""Connections for what reads beside a service under test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from services.runtime.ground.postgres import Reading
from services.runtime.ground.tables import Connection


def reading(dsn: str) -> Reading:
    """A connection of its own for each block: nothing of a test stays open."""

    @asynccontextmanager
    async def connected() -> AsyncIterator[Connection]:
        connection = await asyncpg.connect(dsn, timeout=10)
        try:
            yield connection
        finally:
            await connection.close()

    return connected
