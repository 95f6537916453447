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
KEY_CHARACTERS_MAX = 512
"""Of a key or an id so much is kept, for an index takes no longer one; whatever is longer was never readable."""
DETAIL_CHARACTERS_MAX = 500
_PLACE_DIGITS_MAX = 18


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


def storable(text: str, characters_max: int) -> str:
    """What of a text any column takes: no NUL, no half of a character, no more than so much."""
    return text[:characters_max].replace("\x00", "\ufffd").encode(errors="replace").decode()


def stored_headers(headers: Headers) -> bytes:
    """Headers as they are kept."""
    return msgspec.json.encode([(storable(name, len(name)), value) for name, value in headers])


def identity(headers: Headers) -> str:
    """The id under which a record was sent, as far as it can be read: the same in all its repetitions, of a reply too,
    and of what could not be read otherwise."""
    sent = next((value for name, value in headers if name == _ID and value), b"")
    return storable(sent.decode(errors="replace"), KEY_CHARACTERS_MAX)


async def save(connection: Connection, rows: Sequence[Parked], now: datetime) -> None:
    """Set aside, in this order, whatever the records hold. A record that waits already stays as it is; what repeats it
    word for word is dropped.

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
        [r.message_id for r in each], [stored_headers(r.headers) for r in each], [r.payload for r in each],
        [storable(r.reason, KEY_CHARACTERS_MAX) for r in each],
        [storable(r.detail, DETAIL_CHARACTERS_MAX) for r in each], now,
    )


def _distinct(rows: Sequence[Parked]) -> list[Parked]:
    """Each record once, as it can be stored, under the id with which it was sent; those without one are taken for
    different ones."""
    first: dict[object, Parked] = {}
    for no, row in enumerate(rows):
        message_id = storable(row.message_id, KEY_CHARACTERS_MAX) or identity(row.headers)
        named = replace(row, key=storable(row.key, KEY_CHARACTERS_MAX), message_id=message_id)
        same = (named.source, named.key, named.message_id, named.payload)
        first.setdefault(same if named.message_id else no, named)
    return list(first.values())


async def save_unsent(connection: Connection, records: Sequence[Outgoing], why: str) -> None:
    """Set aside records of our own that cannot be sent, each once."""
    await connection.execute(
        """insert into parked (source, key, message_id, headers, payload, reason, detail, parked_at)
           select u.*, 'UNDELIVERABLE', $6, now()
           from unnest($1::text[], $2::text[], $3::text[], $4::json[], $5::bytea[]) u (source, key, id, headers, body)
           where not exists (select from parked p where p.key = u.key and p.state = 'PARKED' and p.source = u.source
                                                    and p.message_id = u.id and p.reason = 'UNDELIVERABLE')""",
        [r.topic for r in records], [r.key for r in records], [identity(r.headers) for r in records],
        [stored_headers(r.headers) for r in records], [r.payload for r in records],
        storable(why, DETAIL_CHARACTERS_MAX),
    )


async def keys(connection: Connection) -> dict[str, int]:
    """The keys whose messages have to wait behind a parked one that came in, with the place of the first."""
    rows = await connection.fetch(
        """select key, min(id) from parked where state = 'PARKED' and key <> '' and reason <> 'UNDELIVERABLE'
           group by key"""
    )
    return {row[0]: row[1] for row in rows}


def place(headers: Headers) -> int:
    """Where a record stands among those of its key: a retried one where it was parked, a new one behind all."""
    for name, value in headers:
        if name == PLACE and value and len(value) <= _PLACE_DIGITS_MAX and value.isdigit():
            return int(value)
    return LAST


async def retry(connection: Connection, parked_id: int, partitions: int, why: str, now: datetime) -> bool:
    """Send a parked record again, as it was; answers False if it is not parked (any more)."""
    row = await connection.fetchrow(
        """update parked set state = 'RETRIED', resolved_at = $2, resolution = $3
           where id = $1 and state = 'PARKED' returning source, key, headers, payload, reason <> 'UNDELIVERABLE'""",
        parked_id, now, why,
    )
    if row is None:
        return False
    headers = [header for header in msgspec.json.decode(row[2], type=list[tuple[str, bytes]]) if header[0] != PLACE]
    if row[4]:  # it came in, and others of its key may wait behind it
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
