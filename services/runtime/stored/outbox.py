"""What was committed but perhaps not published: written with the effects, deleted in bulk once Kafka has it.

A lane publishes from memory and never reads its own rows. The rows of a dead lane are published by whoever finds
them: they are found by existing, not by a cursor (D1), in the order in which that lane wrote them (D2).
"""

from collections.abc import Sequence

import msgspec

from services.runtime.ground.records import Outgoing
from services.runtime.ground.tables import Connection

_HEADERS = msgspec.json.Decoder(list[tuple[str, bytes]])


async def save(connection: Connection, lane_id: int, next_seq: int, records: Sequence[Outgoing]) -> None:
    """Append the records of a batch under the lane's own numbers."""
    await connection.copy_records_to_table(
        "outbox",
        columns=["lane_id", "seq", "topic", "partition", "key", "headers", "payload"],
        records=[
            (lane_id, next_seq + n, r.topic, r.partition, r.key, msgspec.json.encode(r.headers), r.payload)
            for n, r in enumerate(records)
        ],
    )


async def clear(connection: Connection, lane_id: int, last_seq: int) -> None:
    """Forget what Kafka has acknowledged."""
    await connection.execute("delete from outbox where lane_id = $1 and seq <= $2", lane_id, last_seq)


async def clear_rows(connection: Connection, lane_id: int, seqs: Sequence[int]) -> None:
    """Forget exactly these rows. Others with lower numbers may have been committed since they were read: retried
    records have one lane id, whoever sends them."""
    await connection.execute("delete from outbox where lane_id = $1 and seq = any($2::bigint[])", lane_id, seqs)


async def lanes_with_leftovers(connection: Connection, but: Sequence[int]) -> list[int]:
    """The lanes, other than these, that have rows: dead ones among them left something behind."""
    rows = await connection.fetch(
        "select distinct lane_id from outbox where lane_id <> all($1::bigint[]) order by lane_id", but
    )
    return [row[0] for row in rows]


async def count_of_others(connection: Connection, but: Sequence[int], most: int) -> int:
    """How many rows lanes other than these have, counted up to `most`."""
    count: int = await connection.fetchval(
        "select count(*) from (select from outbox where lane_id <> all($1::bigint[]) limit $2) o", but, most
    )
    return count


async def leftovers(connection: Connection, lane_id: int, limit: int) -> list[tuple[int, Outgoing]]:
    """The first rows of a lane, in the order in which it wrote them, with their numbers."""
    rows = await connection.fetch(
        """select seq, topic, partition, key, headers, payload from outbox where lane_id = $1
           order by seq limit $2""",
        lane_id, limit,
    )
    return [(row[0], Outgoing(row[1], row[2], row[3], _HEADERS.decode(row[4]), row[5])) for row in rows]


async def take_unknown(connection: Connection, living: Sequence[int], known: Sequence[str]) -> list[Outgoing]:
    """Take out what lanes that are not alive left for other topics than these."""
    rows = await connection.fetch(
        """delete from outbox where lane_id <> all($1::bigint[]) and topic <> all($2::text[])
           returning topic, partition, key, headers, payload""",
        living, known,
    )
    return [Outgoing(row[0], row[1], row[2], _HEADERS.decode(row[3]), row[4]) for row in rows]
