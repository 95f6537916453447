"""How far each partition was consumed: rows in the transaction of the effects. Kafka's own only tell the lag."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.runtime.ground.tables import Connection
from services.runtime.ground.writing import Question, Write, write

READ_AGAIN_MAX = 2_000
"""So many records of a partition are read again at most; whose record stands before them is sent again in time."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where to read a partition from; what stands before `consumed` was consumed, and only what waited for a claim is
    decided again."""

    offset: int
    consumed: int


@dataclass(frozen=True, slots=True)
class Consumed:
    """How far a partition was consumed in which epoch of its topic, and from where on somebody waits for a claim."""

    next_offset: int
    epoch: str
    waiting_from: int | None = None


def beginnings(
    known: Mapping[int, Consumed], ends: Mapping[int, tuple[int, int]], epoch: str
) -> dict[int, Beginning]:
    """Where to begin each partition, given (beginning, end) of its log and the topic's epoch.

    A stored offset beyond the log's end, or of another epoch, says that Kafka lost data: begin at the beginning of
    what there is (the inbox drops repeats, timers send again what is lost). A partition never seen begins at its start.
    What waits for a claim in the memory of whoever held the partition before is read again.
    """
    begin = {}
    for partition, (first, end) in ends.items():
        before = known.get(partition, Consumed(first, epoch))
        offset, oldest = before.next_offset, before.waiting_from
        begin[partition] = Beginning(first, first)
        if same_epoch(before.epoch, epoch) and first <= offset <= end:
            oldest = offset if oldest is None else min(offset, oldest)
            begin[partition] = Beginning(max(first, oldest, offset - READ_AGAIN_MAX), offset)
    return begin


async def lock(connection: Connection, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """Lock the rows of a batch, the fence against a paused owner: whoever comes late finds them moved on."""
    rows = await connection.fetch(
        """select partition, next_offset from consumed_offsets where topic = $1 and partition = any($2::integer[])
           order by partition for update""",
        topic, sorted(partitions),
    )
    return {row[0]: row[1] for row in rows}


async def save(
    connection: Connection, topic: str, next_offsets: Mapping[int, int], lane_id: int = 0, told: Collection[str] = (),
    *, events: str = "", waiting: Mapping[int, int] | None = None, writes: Sequence[Write] = (),
) -> tuple[str, bool]:
    """Move on in one statement with the `writes` of the effects; answers the id of their transaction, by which its
    commit can be asked for, and whether another lane has not published yet what it told of these aggregates before
    (`outbox.earlier`). `waiting` says of a partition where its oldest record stands that waits for a claim."""
    oldest = [(waiting or {}).get(partition) for partition in next_offsets]
    moved = Write(
        """update consumed_offsets o set next_offset = n.next_offset, waiting_from = n.waiting_from
           from unnest($2::integer[], $3::bigint[], $4::bigint[]) n (partition, next_offset, waiting_from)
           where o.topic = $1 and o.partition = n.partition""",
        (topic, list(next_offsets), list(next_offsets.values()), oldest),
    )
    behind = Question(
        """pg_current_xact_id()::text, exists (
               select from outbox where key = any($1::text[]) and topic like 'settlement.%.events.v1'
               and lane_id <> $2 and topic = $3)""",
        (sorted(told), lane_id, events),
    )
    xid, is_behind = await write(connection, *writes, moved, asked=behind)
    return xid, is_behind


async def start(
    connection: Connection, topic: str, ends: Mapping[int, tuple[int, int]], epoch: str
) -> dict[int, Beginning]:
    """Where to begin each gained partition, given (beginning, end) of its log and the topic's epoch; kept from now on.
    """
    rows = await connection.fetch(
        """select partition, next_offset, topic_epoch, waiting_from from consumed_offsets
           where topic = $1 and partition = any($2::integer[])""",
        topic, sorted(ends),
    )
    begin = beginnings({row[0]: Consumed(row[1], row[2], row[3]) for row in rows}, ends, epoch)
    await connection.execute(
        """insert into consumed_offsets (topic, partition, next_offset, topic_epoch)
           select $1, p, n, $4 from unnest($2::integer[], $3::bigint[]) u (p, n)
           on conflict (topic, partition) do update
           set next_offset = excluded.next_offset, topic_epoch = excluded.topic_epoch""",
        topic, list(begin), [each.consumed for each in begin.values()], epoch,
    )
    return begin


def same_epoch(known: str, epoch: str) -> bool:
    """Whether the topic is still the one that is known: `<cluster>/<topic id>`, or less where less was told."""
    return known == epoch or epoch.partition("/")[0] == known or known.partition("/")[0] == epoch
