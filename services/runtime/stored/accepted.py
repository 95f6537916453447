"""What of before is accepted without a link or without a seal: noted by the migrations, and sealed by the first process
that finds it, so that nobody who has only the database adds to it unseen. What a later release's migrations add is
sealed by the process that applies them, if the list was as it was sealed until then."""

from collections.abc import Awaitable, Callable, Sequence

import asyncpg

from services.kernel.seal import ACCEPTED, LongSeal
from services.runtime.ground import facts
from services.runtime.ground.tables import Connection

_ROWS = "select said from accepted_rows order by said collate \"C\""
_AT_ONCE = 1_000
"""So many rows are read at a time."""


async def seal(connection: Connection, key: bytes, anew: bool) -> None:
    """Seal it once and for all; `anew`, whatever was sealed before, for whoever runs the service says so."""
    told = await _told(connection, key)
    if anew:
        await facts.keep(connection, {ACCEPTED: told})
    else:
        await facts.pin(connection, ACCEPTED, told)


async def migrated(dsn: str, key: bytes, migrate: Callable[[], Awaitable[Sequence[str]]]) -> Sequence[str]:
    """Apply migrations, and accept what they note; answers the versions applied."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        holds = await _holds(connection, key)
        applied = await migrate()
        if applied and holds:
            await seal(connection, key, anew=True)
        return applied
    finally:
        await connection.close()


async def _holds(connection: Connection, key: bytes) -> bool:
    """Whether the list was sealed, and is as it was then."""
    if not await connection.fetchval("select to_regclass('accepted_rows') is not null"):
        return False
    sealed = await facts.find(connection, ACCEPTED)
    return bool(sealed == await _told(connection, key))


async def _told(connection: Connection, key: bytes) -> str:
    """Of an older database it is a row for each of its aggregates: they are not held all at once."""
    told = LongSeal(ACCEPTED, key)
    async with connection.transaction():
        async for row in connection.cursor(_ROWS, prefetch=_AT_ONCE):
            told.take(row["said"])
    return told.hex()
