"""Beside a database that was restored, the topic of a service must be a new one: the old holds commands and answers of
settlements that the database has never heard of, and they would be carried out (docs/backup.md).

`deploy/backup/restore.sh` leaves the name of the restoration in the server's settings, as `settle.restored`. A service
that finds one for the first time looks once, and remembers it.
"""

from services.runtime.ground import facts
from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.ground.tables import Connection
from services.runtime.kafka.reader import PartitionReader
from services.runtime.stored.offsets import same_epoch

FACT = "restored"


async def check(connection: Connection, settings: Settings, topic: str) -> None:
    """Raise `SettingsError` where a database was restored and this topic was neither emptied nor made anew since."""
    named = await connection.fetchval("select coalesce(current_setting('settle.restored', true), '')")
    if named and named != await connection.fetchval("select value from runtime_facts where name = $1", FACT):
        if await _as_before(connection, settings, topic):
            raise SettingsError(
                f"the database was restored ({named}), and {topic} still holds what it has never heard of: make the"
                " topics anew first, as docs/backup.md says"
            )
        await facts.keep(connection, {FACT: named})


async def _as_before(connection: Connection, settings: Settings, topic: str) -> bool:
    """Whether it is the topic that the database had read, and has anything in it."""
    rows = await connection.fetch("select distinct topic_epoch from consumed_offsets where topic = $1", topic)
    reader = PartitionReader(settings, topic)
    await reader.start()
    try:
        epoch, logs = await reader.ends(range(settings.partitions))
    finally:
        await reader.stop()
    return any(same_epoch(row["topic_epoch"], epoch) for row in rows) and any(end for _, end in logs.values())
