"""Sealing the permanent record: attempts get their place in a volume and a link that holds all before them (RD-31).

It runs beside the lanes, in one process at a time. It touches rows that no decision touches, so nobody waits for it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from services.kernel import chain
from services.runtime.ground.tables import Connection

VOLUME_ATTEMPTS_MAX = 1_000
"""A volume that has so many is full; the next one goes on from its head."""
SEALED_AT_ONCE_MAX = 500
_LOCK = 0x5E80
_HASHED = ("id", "request_id", "at", "actor", "channel", "kind", "outcome", "reason", "card_id", "order_id")


class Volume(NamedTuple):
    """A volume: how many attempts it has, and the head of its chain."""

    number: int
    attempts: int
    head: bytes

    @property
    def id(self) -> str:
        """By which it is found, in the order of the volumes."""
        return f"rec_{self.number:09d}"


class Seal(NamedTuple):
    """The place and the link that an attempt gets."""

    attempt_id: int
    volume: str
    number: int
    link: bytes


async def seal(connection: Connection, key: bytes) -> int:
    """Chain the oldest attempts that are not chained yet; answers how many. Call it inside a transaction."""
    if not await connection.fetchval("select pg_try_advisory_xact_lock($1)", _LOCK):
        return 0
    rows = await connection.fetch(
        f"select {', '.join(_HASHED)} from attempts where volume is null order by id limit {SEALED_AT_ONCE_MAX}"
    )
    if rows:
        last = await _last_volume(connection)
        seals, volumes = sealed(rows, last, key)
        await _save(connection, seals, volumes)
    return len(rows)


def sealed(rows: Sequence[asyncpg.Record], last: Volume, key: bytes) -> tuple[list[Seal], list[Volume]]:
    """The seals of these attempts behind the last volume, and the volumes as they are then."""
    seals, volumes = [], [last]
    for row in rows:
        volume = volumes[-1]
        if volume.attempts == VOLUME_ATTEMPTS_MAX:
            volume = Volume(volume.number + 1, 0, volume.head)
            volumes.append(volume)
        number = volume.attempts + 1
        link, head = chain.linked(volume.head, chain.row_of(chain.ATTEMPTS, volume.id, number, *row), key)
        seals.append(Seal(row["id"], volume.id, number, link))
        volumes[-1] = Volume(volume.number, number, head)
    return seals, volumes


async def _last_volume(connection: Connection) -> Volume:
    row = await connection.fetchrow("select id, attempts, attempts_head from record_volumes order by id desc limit 1")
    if row is None:
        return Volume(1, 0, chain.NONE_YET)
    return Volume(int(row["id"].removeprefix("rec_")), row["attempts"], row["attempts_head"])


async def _save(connection: Connection, seals: Sequence[Seal], volumes: Sequence[Volume]) -> None:
    await connection.execute(
        """insert into record_volumes (id, attempts, attempts_head)
           select id, attempts, attempts_head from unnest($1::text[], $2::bigint[], $3::bytea[])
               v (id, attempts, attempts_head)
           where attempts > 0
           on conflict (id) do update set attempts = excluded.attempts, attempts_head = excluded.attempts_head
           where record_volumes.attempts < excluded.attempts""",
        [volume.id for volume in volumes], [volume.attempts for volume in volumes],
        [volume.head for volume in volumes],
    )
    await connection.execute(
        """update attempts a set volume = s.volume, number = s.number, link = s.link
           from unnest($1::bigint[], $2::text[], $3::bigint[], $4::bytea[]) s (id, volume, number, link)
           where a.id = s.id""",
        *(list(each) for each in zip(*seals, strict=True)),
    )
