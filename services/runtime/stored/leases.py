"""Which partitions a lane owns: advisory locks on the very connection that commits (RELIABILITY 4.1).

Whoever loses the connection has lost the partitions and cannot commit; a dead process gives them up at once.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from services.runtime.ground.tables import Connection

LANE_ALIVE = 0x5E77
"""The class of the lock that says that a lane lives; its leftovers in the outbox are nobody else's until it is free."""

PEER = 0x5E7
"""The first 12 bits of the lock that says which partitions a lane would take; its place, in 2 times 10, and its id
follow."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A lane that takes its share: number `number` of the `lanes` of its process, so of each `lanes`-th partition."""

    lane_id: int
    number: int
    lanes: int


def lock_class(topic: str) -> int:
    """The first advisory key of a topic's partitions: a signed 32-bit number."""
    return zlib.crc32(topic.encode()) - 2**31


async def gain(connection: Connection, topic: str, partitions: Iterable[int]) -> list[int]:
    """Try for these partitions; answers those that are ours from now on."""
    rows = await connection.fetch(
        "select p from unnest($2::integer[]) p where pg_try_advisory_lock($1, p)", lock_class(topic), sorted(partitions)
    )
    return [row[0] for row in rows]


async def let_go(connection: Connection, topic: str, partitions: Iterable[int]) -> None:
    """Leave these partitions to others; no transaction of theirs may be under way on this connection."""
    await connection.execute(
        "select pg_advisory_unlock($1, p) from unnest($2::integer[]) p", lock_class(topic), sorted(partitions)
    )


async def join(connection: Connection, me: Peer) -> None:
    """Be counted among the lanes that share the partitions, for as long as this connection lives."""
    place = PEER << 20 | me.number << 10 | me.lanes - 1
    await connection.execute("select pg_advisory_lock($1::bigint)", place << 32 | me.lane_id)


async def peers(connection: Connection) -> list[Peer]:
    """The lanes that share the partitions now, in the order of their ids; a dead one is not among them."""
    rows = await connection.fetch(
        """select classid::bigint, objid::bigint from pg_locks
           where locktype = 'advisory' and objsubid = 1 and granted and classid::bigint >> 20 = $1
             and database = (select oid from pg_database where datname = current_database())
           order by objid""",
        PEER,
    )
    return [Peer(lane_id, place >> 10 & 0x3FF, (place & 0x3FF) + 1) for place, lane_id in rows]


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
