"""Which partitions a lane owns: advisory locks on the very connection that commits (RELIABILITY 4.1).

Whoever loses the connection has lost the partitions and cannot commit; a dead process gives them up at once.
"""

import zlib
from collections.abc import Iterable

from services.runtime.ground.tables import Connection

LANE_ALIVE = 0x5E77
"""The class of the lock that says that a lane lives; its leftovers in the outbox are nobody else's until it is free."""


def lock_class(topic: str) -> int:
    """The first advisory key of a topic's partitions: a signed 32-bit number."""
    return zlib.crc32(topic.encode()) - 2**31


async def gain(connection: Connection, topic: str, partitions: Iterable[int]) -> list[int]:
    """Try for these partitions; answers those that are ours from now on."""
    rows = await connection.fetch(
        "select p from unnest($2::integer[]) p where pg_try_advisory_lock($1, p)", lock_class(topic), sorted(partitions)
    )
    return [row[0] for row in rows]


async def announce(connection: Connection) -> int:
    """A new lane id, on record as one that may have unpublished rows, held alive by a lock on this connection."""
    lane_id: int = await connection.fetchval("select nextval('lane_ids')")
    await connection.execute("select pg_advisory_lock($1::integer, $2::integer)", LANE_ALIVE, lane_id)
    await connection.execute("insert into lanes (lane_id) values ($1)", lane_id)
    return lane_id


async def bury(connection: Connection, lane_id: int) -> bool:
    """Inside a transaction: whether that lane is dead, and its leftovers ours until the transaction ends."""
    dead: bool = await connection.fetchval(
        "select pg_try_advisory_xact_lock($1::integer, $2::integer)", LANE_ALIVE, lane_id
    )
    return dead


async def forget(connection: Connection) -> None:
    """Strike the dead lanes off the record that have nothing left to publish."""
    await connection.execute(
        """delete from lanes l
           where not exists (select from outbox o where o.lane_id = l.lane_id and o.seq > l.cleared_seq)
             and pg_try_advisory_xact_lock($1::integer, l.lane_id::integer)""",
        LANE_ALIVE,
    )
