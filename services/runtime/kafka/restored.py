"""Beside a database that was restored, the topic of a service must be a new one: the old holds commands and answers of
settlements that the database has never heard of, and they would be carried out (docs/backup.md).

`deploy/backup/restore.sh` leaves the name of the restoration in the server's settings, as `settle.restored`. A service
that finds one for the first time looks once, and remembers it. The script's name is the instant: what stands in the
topic must be later, for services that were started since may have sent something already. Under any other name it must
be another topic than the one that the database had read, or have nothing in it.
"""

from datetime import datetime

from services.runtime.ground import facts
from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.ground.tables import Connection
from services.runtime.kafka.reader import PartitionReader
from services.runtime.stored.offsets import same_epoch

FACT = "restored"


async def check(connection: Connection, settings: Settings, topic: str) -> None:
    """Raise `SettingsError` where a database was restored and this topic was neither emptied nor made anew since."""
    named = await connection.fetchval("select coalesce(current_setting('settle.restored', true), '')")
    if named and named != await facts.find(connection, FACT):
        if await _as_before(connection, settings, topic, _instant(named)):
            raise SettingsError(
                f"the database was restored ({named}), and {topic} still holds what it has never heard of: make the"
                " topics anew first, as docs/backup.md says"
            )
        await facts.keep(connection, {FACT: named})


async def _as_before(connection: Connection, settings: Settings, topic: str, at: datetime | None) -> bool:
    """Whether anything in the topic is of before."""
    rows = await connection.fetch("select distinct topic_epoch from consumed_offsets where topic = $1", topic)
    reader = PartitionReader(settings, topic)
    await reader.start()
    try:
        epoch, logs = await reader.ends(range(settings.partitions))
        begin = {partition: first for partition, (first, end) in logs.items() if first < end}
        if at is not None:
            return await reader.any_before(at, begin)
    finally:
        await reader.stop()
    return bool(begin) and any(same_epoch(row["topic_epoch"], epoch) for row in rows)


def _instant(named: str) -> datetime | None:
    """The instant by which a restoration is named, if it is; without a time zone it is none."""
    try:
        at = datetime.fromisoformat(named)
    except ValueError:
        return None
    return None if at.tzinfo is None else at
