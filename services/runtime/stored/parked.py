"""Messages that could not be decided: set aside with their reason, so that their partition keeps moving.

Later messages of the same key are set aside behind the first, in order; a person retries or discards them, one by one.
A message that is sent again while it waits here waits once, whoever sends it. What is retried may be lost on its way,
for it goes by Kafka: its saga, or the sender of a notice, sends it again until it is decided.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from services.kernel.decision import Refused
from services.kernel.ids import partition_of
from services.kernel.seal import Value, seal_of
from services.runtime.ground.macs import as_retried
from services.runtime.ground.records import PLACE, Headers, Outgoing, is_notice
from services.runtime.ground.tables import Connection
from services.runtime.ground.writing import write
from services.runtime.stored import inbox
from services.runtime.stored.outbox import Outlet

RETRY_LANE = 0
"""The lane id under which a retried record waits for the scanner; no living lane has it."""
_ID = "ce_id"
UNDELIVERABLE = "UNDELIVERABLE"
"""Why a record of our own is set aside that no broker takes."""
READABLE = ("DEFECT", "FOLLOWS_PARKED", "UNKNOWN_TYPE")
"""Why records are set aside whose headers say what they are: what is damaged may bear the id of another one."""
GIVEN_UP = Refused("DISCARDED")
"""The answer to a notice that a person has given up."""
QUARANTINED = ("UNSIGNED", "FORGED", "UNKNOWN_MAC_KEY")
"""Why records are set aside that nobody of ours may have sent: whoever can write to a topic must not stop a key."""
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


async def save(connection: Connection, rows: Sequence[Parked], now: datetime, seal_key: bytes = b"") -> None:
    """Set aside, in this order, whatever the records hold. A record that waits already stays as it is; what repeats it
    word for word is dropped.

    All records of a key come through one partition, whose offset row the caller has locked: no other lane sets one of
    them aside meanwhile. A place that another record had (Kafka lost its log and began anew) is not written down.
    """
    each = _distinct(rows)
    await connection.execute(
        """insert into parked
               (source, partition, kafka_offset, key, message_id, headers, payload, reason, detail, parked_at, seal)
           select u.source, u.partition,
                  case when not exists (
                      select from parked p
                      where (p.source, p.partition, p.kafka_offset) = (u.source, u.partition, u.kafka_offset)
                      and (p.key, p.message_id, p.payload) is distinct from (u.key, u.message_id, u.payload)
                  ) then u.kafka_offset end,
                  u.key, u.message_id, u.headers, u.payload, u.reason, u.detail, $10, u.seal
           from unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::json[], $7::bytea[],
                       $8::text[], $9::text[], $11::bytea[]) with ordinality
                u (source, partition, kafka_offset, key, message_id, headers, payload, reason, detail, seal, no)
           where u.message_id = '' or not exists (
               select from parked p where p.state = 'PARKED' and p.source = u.source and p.key = u.key
               and p.message_id = u.message_id and p.payload = u.payload
               and (p.reason = any($12::text[])) = (u.reason = any($12::text[])))
           order by u.no
           on conflict (source, partition, kafka_offset) do nothing""",
        [r.source for r in each], [r.partition for r in each], [r.offset for r in each], [r.key for r in each],
        [r.message_id for r in each], [stored_headers(r.headers) for r in each], [r.payload for r in each],
        [r.reason for r in each], [r.detail for r in each], now,
        [_seal((r.source, r.key, r.message_id, stored_headers(r.headers), r.reason, r.detail, now), r.payload, seal_key)
         for r in each],
        QUARANTINED,
    )


def _seal(came: Sequence[Value], payload: bytes, key: bytes, resolved: Sequence[Value] = ("PARKED", None, "")) -> bytes:
    """Of a record that is set aside: what it was and why, and what became of it. Where it stood is its partition's."""
    return seal_of("parked", (*came, *resolved, payload), key)


def _distinct(rows: Sequence[Parked]) -> list[Parked]:
    """Each record once, as it can be stored, under the id with which it was sent; those without one are taken for
    different ones."""
    first: dict[object, Parked] = {}
    for no, row in enumerate(rows):
        message_id = storable(row.message_id, KEY_CHARACTERS_MAX) or identity(row.headers)
        named = replace(
            row, key=storable(row.key, KEY_CHARACTERS_MAX), message_id=message_id,
            reason=storable(row.reason, KEY_CHARACTERS_MAX), detail=storable(row.detail, DETAIL_CHARACTERS_MAX),
        )
        same = (named.source, named.key, named.message_id, named.payload, named.reason in QUARANTINED)
        first.setdefault(same if named.message_id else no, named)
    return list(first.values())


async def save_unsent(connection: Connection, records: Sequence[Outgoing], why: str, seal_key: bytes = b"") -> None:
    """Set aside records of our own that cannot be sent, each once."""
    now, detail = await connection.fetchval("select now()"), storable(why, DETAIL_CHARACTERS_MAX)
    headers = [stored_headers(r.headers) for r in records]
    came = [(r.topic, r.key, identity(r.headers), kept, UNDELIVERABLE, detail, now)
            for r, kept in zip(records, headers, strict=True)]
    await connection.execute(
        f"""insert into parked (source, key, message_id, headers, payload, seal, reason, detail, parked_at)
           select u.*, '{UNDELIVERABLE}', $6, $7
           from unnest($1::text[], $2::text[], $3::text[], $4::json[], $5::bytea[], $8::bytea[])
               u (source, key, id, headers, body, seal)
           where not exists (select from parked p where p.key = u.key and p.state = 'PARKED' and p.source = u.source
                                                    and p.message_id = u.id and p.reason = '{UNDELIVERABLE}')""",
        [r.topic for r in records], [r.key for r in records], [identity(r.headers) for r in records], headers,
        [r.payload for r in records], detail, now,
        [_seal(each, r.payload, seal_key) for each, r in zip(came, records, strict=True)],
    )


async def keys(connection: Connection) -> dict[str, int]:
    """The keys whose messages have to wait behind a parked one that came in, with the place of the first."""
    rows = await connection.fetch(
        """select key, min(id) from parked where state = 'PARKED' and key <> '' and reason <> all($1::text[])
           group by key""",
        [UNDELIVERABLE, *QUARANTINED],
    )
    return {row[0]: row[1] for row in rows}


def place(headers: Headers) -> int:
    """Where a record stands among those of its key: a retried one where it was parked, a new one behind all."""
    for name, value in headers:
        if name == PLACE and value and len(value) <= _PLACE_DIGITS_MAX and value.isdigit():
            return int(value)
    return LAST


async def retry(
    connection: Connection, parked_id: int, partitions: int, why: str, now: datetime, seal_key: bytes = b""
) -> bool:
    """Send a parked record again, as it was; answers False if it is not parked (any more). In a transaction."""
    row = await _resolve(connection, parked_id, ("RETRIED", now, why), seal_key)
    if row is None:
        return False
    decoded = _decoded(row["headers"])
    came_in = row["reason"] != UNDELIVERABLE  # and others of its key may wait behind it
    headers = as_retried(decoded, parked_id) if came_in else decoded
    record = Outgoing(row["source"], partition_of(row["key"], partitions), row["key"], headers, row["payload"])
    seq = await connection.fetchval("select nextval('lane_ids')")
    await write(connection, Outlet(RETRY_LANE, seq).save([record]))
    return True


async def discard(connection: Connection, parked_id: int, why: str, now: datetime, seal_key: bytes = b"") -> bool:
    """Give a parked record up, with the reason; answers False if it is not parked (any more). A notice is answered by
    that, for its sender repeats it until it is; one without an id is nobody's. In a transaction."""
    row = await _resolve(connection, parked_id, ("DISCARDED", now, why), seal_key)
    if row is not None and row["message_id"] and row["reason"] in READABLE and is_notice(_decoded(row["headers"])):
        await inbox.keep(connection, inbox.refused(row["message_id"], GIVEN_UP), now, seal_key)
    return row is not None


def _decoded(headers: str) -> Headers:
    return msgspec.json.decode(headers, type=list[tuple[str, bytes]])


async def _resolve(
    connection: Connection, parked_id: int, resolved: tuple[str, datetime, str], seal_key: bytes
) -> Any:  # Any: a row
    """Say what became of a record that waits, and seal it anew; answers what it was, None if it does not wait."""
    row = await connection.fetchrow(
        """select source, key, message_id, headers, reason, detail, parked_at, payload from parked
           where id = $1 and state = 'PARKED' for update""", parked_id,
    )
    if row is not None:
        *came, payload = row
        await connection.execute(
            "update parked set state = $2, resolved_at = $3, resolution = $4, seal = $5 where id = $1",
            parked_id, *resolved, _seal(came, payload, seal_key, resolved),
        )
    return row
