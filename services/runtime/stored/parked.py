"""Messages that could not be decided: set aside with their reason, so that their partition keeps moving.

Later messages of the same key are set aside behind the first, in order; a person retries or discards them, one by one.
A message that is sent again while it waits here waits once, whoever sends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from services.kernel.ids import partition_of
from services.runtime.ground.records import Headers, Outgoing
from services.runtime.ground.tables import Connection
from services.runtime.stored import outbox

RETRY_LANE = 0
"""The lane id under which a retried record waits for the scanner; no living lane has it."""
PLACE = "ce_parkedid"
"""The header that tells a retried record's place among those of its key."""
_ID = "ce_id"
FIRST, LAST = 0, 2**63 - 1


@dataclass(frozen=True, slots=True)
class Parked:
    """A record set aside: where it stood, what it was, and why it could not be decided."""

    source: str
    partition: int
    offset: int
    key: str
    message_id: str
    headers: Headers
    payload: bytes
    reason: str
    detail: str


def identity(headers: Headers) -> str:
    """The id under which a record was sent, as far as it can be read: the same in all its repetitions, of a reply too,
    and of what could not be read otherwise."""
    sent = next((value for name, value in headers if name == _ID and value), b"")
    return sent.decode(errors="replace").replace("\x00", "")


async def save(connection: Connection, rows: Sequence[Parked], now: datetime) -> None:
    """Set aside, in this order. A record that waits already stays as it is; what repeats it word for word is dropped.

    All records of a key come through one partition, whose offset row the caller has locked: no other lane sets one of
    them aside meanwhile. A place that another record had (Kafka lost its log and began anew) is not written down.
    """
    each = _distinct(rows)
    await connection.execute(
        """insert into parked
               (source, partition, kafka_offset, key, message_id, headers, payload, reason, detail, parked_at)
           select u.source, u.partition,
                  case when not exists (
                      select from parked p
                      where (p.source, p.partition, p.kafka_offset) = (u.source, u.partition, u.kafka_offset)
                      and (p.key, p.message_id, p.payload) is distinct from (u.key, u.message_id, u.payload)
                  ) then u.kafka_offset end,
                  u.key, u.message_id, u.headers, u.payload, u.reason, u.detail, $10
           from unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::json[], $7::bytea[],
                       $8::text[], $9::text[]) with ordinality
                u (source, partition, kafka_offset, key, message_id, headers, payload, reason, detail, no)
           where u.message_id = '' or not exists (
               select from parked p where p.state = 'PARKED' and p.source = u.source and p.key = u.key
               and p.message_id = u.message_id and p.payload = u.payload)
           order by u.no
           on conflict (source, partition, kafka_offset) do nothing""",
        [r.source for r in each], [r.partition for r in each], [r.offset for r in each], [r.key for r in each],
        [r.message_id for r in each], [msgspec.json.encode(r.headers) for r in each], [r.payload for r in each],
        [r.reason for r in each], [r.detail[:500] for r in each], now,
    )


def _distinct(rows: Sequence[Parked]) -> list[Parked]:
    """Each record once, under the id with which it was sent; those without one are taken for different ones."""
    first: dict[object, Parked] = {}
    for no, row in enumerate(rows):
        named = row if row.message_id else replace(row, message_id=identity(row.headers))
        same = (named.source, named.key, named.message_id, named.payload)
        first.setdefault(same if named.message_id else no, named)
    return list(first.values())


async def keys(connection: Connection) -> dict[str, int]:
    """The keys whose messages have to wait behind a parked one, with the place of the first."""
    rows = await connection.fetch("select key, min(id) from parked where state = 'PARKED' and key <> '' group by key")
    return {row[0]: row[1] for row in rows}


def place(headers: Headers) -> int:
    """Where a record stands among those of its key: a retried one where it was parked, a new one behind all."""
    return next((int(value) for name, value in headers if name == PLACE and value.isdigit()), LAST)


async def retry(connection: Connection, parked_id: int, partitions: int, why: str, now: datetime) -> bool:
    """Send a parked record again, as it was; answers False if it is not parked (any more)."""
    row = await connection.fetchrow(
        """update parked set state = 'RETRIED', resolved_at = $2, resolution = $3
           where id = $1 and state = 'PARKED' returning source, key, headers, payload""",
        parked_id, now, why,
    )
    if row is None:
        return False
    headers = [header for header in msgspec.json.decode(row[2], type=list[tuple[str, bytes]]) if header[0] != PLACE]
    headers.append((PLACE, str(parked_id).encode()))
    record = Outgoing(row[0], partition_of(row[1], partitions), row[1], headers, row[3])
    await outbox.save(connection, RETRY_LANE, await connection.fetchval("select nextval('lane_ids')"), [record])
    return True


async def discard(connection: Connection, parked_id: int, why: str, now: datetime) -> bool:
    """Give a parked record up, with the reason; answers False if it is not parked (any more)."""
    status = await connection.execute(
        """update parked set state = 'DISCARDED', resolved_at = $2, resolution = $3
           where id = $1 and state = 'PARKED'""",
        parked_id, now, why,
    )
    return status.endswith(" 1")
