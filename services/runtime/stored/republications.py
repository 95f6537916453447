"""Events that are to be published again: why, which, how far it came; and what is known of their topic."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from services.runtime.ground.tables import Connection
from services.runtime.stored.journals import StoredEvent

LOSS = "kafka lost events"
OURSELVES = "the service"
"""Who asks for what Kafka lost."""
_LOCK = 0x5E76
"""The class of the lock of whoever republishes: one process of a service at a time."""
_COLUMNS = """id, partition, aggregate_id, from_time, operator_id, reason, asked_at, after_id, after_sequence,
    published, ended_at"""


KnownLog: TypeAlias = Mapping[int, tuple[str, int]]
"""Epoch and end of each partition of a topic."""


@dataclass(frozen=True, slots=True)
class Republication:
    """One of them. `partition`, `aggregate_id` and `from_time` say which events, None and "" all; `after_id` and
    `after_sequence` say how far it came, in the order of (aggregate, number)."""

    id: str
    partition: int | None
    aggregate_id: str
    from_time: datetime | None
    operator_id: str
    reason: str
    asked_at: datetime
    after_id: str = ""
    after_sequence: int = 0
    published: int = 0
    ended_at: datetime | None = None


async def ask(connection: Connection, asked: Republication) -> Republication:
    """Ask for it; whoever asks again under its id gets what became of it."""
    await connection.execute(
        """insert into republications (id, partition, aggregate_id, from_time, operator_id, reason, asked_at)
           values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing""",
        asked.id, asked.partition, asked.aggregate_id, asked.from_time, asked.operator_id, asked.reason, asked.asked_at,
    )
    return await find(connection, asked.id) or asked


async def find(connection: Connection, republication_id: str) -> Republication | None:
    """One of them, and how far it came."""
    row = await connection.fetchrow(f"select {_COLUMNS} from republications where id = $1", republication_id)
    return Republication(*row) if row is not None else None


async def take_turn(connection: Connection) -> bool:
    """Whether nobody else republishes; holds for as long as the connection."""
    free: bool = await connection.fetchval("select pg_try_advisory_lock($1::integer, 0)", _LOCK)
    return free


async def next_open(connection: Connection) -> Republication | None:
    """The oldest that has not ended."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from republications where ended_at is null order by asked_at, id limit 1"
    )
    return Republication(*row) if row is not None else None


async def advance(connection: Connection, job: Republication, after: StoredEvent, count: int) -> None:
    """So many more are in Kafka, all up to this one."""
    await connection.execute(
        """update republications set after_id = $2, after_sequence = $3, published = published + $4 where id = $1""",
        job.id, after.aggregate_id, after.sequence, count,
    )


async def end(connection: Connection, job: Republication, at: datetime) -> None:
    """All of it is in Kafka."""
    await connection.execute("update republications set ended_at = $2 where id = $1", job.id, at)


async def page(connection: Connection, job: Republication, limit: int) -> list[StoredEvent]:
    """The next events of it, in the order of (aggregate, number); of all partitions."""
    rows = await connection.fetch(
        """select aggregate_id, sequence, type, at, saga_id, payload from events
           where (aggregate_id, sequence) > ($1, $2) and ($3 = '' or aggregate_id = $3)
             and ($4::timestamptz is null or at >= $4)
           order by aggregate_id, sequence limit $5""",
        max(job.after_id, job.aggregate_id), job.after_sequence, job.aggregate_id, job.from_time, limit,
    )
    return [_event(row) for row in rows]


async def later(connection: Connection, reached: Mapping[str, int]) -> list[StoredEvent]:
    """What these aggregates told after these numbers, in order."""
    rows = await connection.fetch(
        """select e.aggregate_id, e.sequence, e.type, e.at, e.saga_id, e.payload
           from unnest($1::text[], $2::bigint[]) r (id, sequence)
           join events e on e.aggregate_id = r.id and e.sequence > r.sequence order by e.aggregate_id, e.sequence""",
        list(reached), list(reached.values()),
    )
    return [_event(row) for row in rows]


async def known_log(connection: Connection, topic: str) -> KnownLog:
    """What is known of the topic. Read it before Kafka is asked: what it says then can only be more."""
    rows = await connection.fetch("select partition, topic_epoch, end_offset from event_logs where topic = $1", topic)
    return {row[0]: (row[1], row[2]) for row in rows}


async def save_log(
    connection: Connection, topic: str, before: KnownLog, epoch: str, ends: Mapping[int, int]
) -> set[int]:
    """What Kafka says of the topic now; answers the partitions of which somebody else knows something newer."""
    fresh = [p for p in ends if p not in before]
    await connection.execute(
        """insert into event_logs (topic, partition, topic_epoch, end_offset)
           select $1, p, $2, e from unnest($3::integer[], $4::bigint[]) u (p, e) on conflict do nothing""",
        topic, epoch, fresh, [ends[p] for p in fresh],
    )
    moved = sorted(p for p in ends if p in before and before[p] != (epoch, ends[p]))
    rows = await connection.fetch(
        """update event_logs l set topic_epoch = $2, end_offset = u.e
           from unnest($3::integer[], $4::bigint[], $5::text[], $6::bigint[]) u (p, e, known_epoch, known_end)
           where l.topic = $1 and l.partition = u.p and l.topic_epoch = u.known_epoch and l.end_offset = u.known_end
           returning l.partition""",
        topic, epoch, moved, [ends[p] for p in moved], [before[p][0] for p in moved], [before[p][1] for p in moved],
    )
    return set(moved) - {row[0] for row in rows}


def _event(row: Any) -> StoredEvent:  # Any: of the database
    return StoredEvent(*row)
