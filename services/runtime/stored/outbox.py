"""What was committed but perhaps not published: written with the effects, deleted in bulk once Kafka has it.

A lane publishes from memory and never reads its own rows. The rows of a dead lane are published by whoever finds
them: they are found by existing, not by a cursor (D1), in the order in which that lane wrote them (D2). An event goes
out after those that were before it, also where another lane wrote them: `earlier` finds these.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from services.runtime.ground import facts
from services.runtime.ground.headers import packed, unpacked
from services.runtime.ground.records import Outgoing
from services.runtime.ground.tables import Connection
from services.runtime.ground.writing import Write, insert_into


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the outbox: the lane that wrote it, its number there, and the record."""

    lane_id: int
    seq: int
    record: Outgoing


_INSERT = insert_into("outbox", {
    "lane_id": "bigint", "seq": "bigint", "topic": "text", "partition": "integer", "key": "text", "headers": "bytea",
    "payload": "bytea",
})
FORM, SHORT = "outbox", "short"
"""The fact that says that headers are kept in their short form, and what it says. The owner of the tables writes it,
once no process is left that cannot read that (`shorten_outbox()`); so did the migration where none had ever run."""


@dataclass(slots=True)
class Outlet:
    """Where a lane leaves its records: its id, the number of its next row there, and whether headers are kept in their
    short form."""

    lane_id: int
    next_seq: int = 1
    short: bool = False

    def save(self, records: Sequence[Outgoing]) -> Write:
        """Append the records of a batch under the lane's own numbers."""
        count = len(records)
        return Write(_INSERT, (
            [self.lane_id] * count, list(range(self.next_seq, self.next_seq + count)), [r.topic for r in records],
            [r.partition for r in records], [r.key for r in records],
            [packed(r.headers, r.key, self.short) for r in records], [r.payload for r in records],
        ))


async def outlet(connection: Connection, lane_id: int) -> Outlet:
    """That of a lane that begins, in the form of the database."""
    return Outlet(lane_id, short=await facts.find(connection, FORM) == SHORT)


async def clear(connection: Connection, done: Iterable[tuple[int, int]], floors: Mapping[int, int]) -> None:
    """Forget exactly these rows, (lane, number), which Kafka has; of each lane in `floors`, all rows up to there are
    gone by now."""
    ranges = _ranges(sorted(done))
    await connection.execute(
        """with gone as (
               delete from outbox o using unnest($1::bigint[], $2::bigint[], $3::bigint[]) r (lane_id, first, last)
               where o.lane_id = r.lane_id and o.seq between r.first and r.last)
           update lanes l set cleared_seq = f.seq from unnest($4::bigint[], $5::bigint[]) f (lane_id, seq)
           where l.lane_id = f.lane_id and l.cleared_seq < f.seq""",
        [lane for lane, _, _ in ranges], [first for _, first, _ in ranges], [last for _, _, last in ranges],
        list(floors), list(floors.values()),
    )


def _ranges(places: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Runs without a gap: (lane, first, last)."""
    breaks = [n for n, (a, b) in enumerate(pairwise(places), 1) if b != (a[0], a[1] + 1)]
    return [
        (places[first][0], places[first][1], places[after - 1][1])
        for first, after in zip([0, *breaks], [*breaks, len(places)], strict=True)
    ]


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


async def leftovers(
    connection: Connection, lane_id: int, limit: int, after: int = 0, but: Sequence[int] = ()
) -> list[Row]:
    """The first rows of a lane beyond `after`, without some, in the order in which it wrote them."""
    rows = await connection.fetch(
        """select lane_id, seq, topic, partition, key, headers, payload from outbox
           where lane_id = $1 and seq > $3 and seq <> all($4::bigint[]) order by seq limit $2""",
        lane_id, limit, after, but,
    )
    return [_row(row) for row in rows]


async def lanes_with_unknown(connection: Connection, but: Sequence[int], known: Sequence[str]) -> list[int]:
    """The lanes, other than these, that have rows for other topics than these."""
    rows = await connection.fetch(
        "select distinct lane_id from outbox where lane_id <> all($1::bigint[]) and topic <> all($2::text[])",
        but, known,
    )
    return [row[0] for row in rows]


async def take_unknown(connection: Connection, lanes: Sequence[int], known: Sequence[str]) -> list[Outgoing]:
    """Take out what these lanes left for other topics than these."""
    if not lanes:
        return []
    rows = await connection.fetch(
        """delete from outbox where lane_id = any($1::bigint[]) and topic <> all($2::text[])
           returning topic, partition, key, headers, payload""",
        lanes, known,
    )
    return [Outgoing(row[0], row[1], row[2], unpacked(row[3], row[2]), row[4]) for row in rows]


async def earlier(connection: Connection, lane_id: int, topic: str, keys: Collection[str]) -> list[Row]:
    """What other lanes have not published yet of the events of these aggregates, in the order of their numbers.

    Read in the transaction that told further events of them, under the locks of its roots: what was told before is
    committed by now. The index on the keys of events is all that is read, however much waits in the outbox.
    """
    rows = await connection.fetch(
        """select o.lane_id, o.seq, o.topic, o.partition, o.key, o.headers, o.payload
           from outbox o where o.key = any($3::text[]) and o.topic like 'settlement.%.events.v1'
           and o.lane_id <> $1 and o.topic = $2""",
        lane_id, topic, sorted(keys),
    )
    return sorted((_row(row) for row in rows), key=lambda row: row.record.sequence)


def in_order(rows: Sequence[Row], others: Iterable[Row]) -> list[Row]:
    """The rows of one lane, and before each event those of its aggregate that come before it and that other lanes have
    not published (`others`, by number): both lanes may be dead, and the later one swept first."""
    waiting: dict[str, deque[Row]] = {}
    for other in others:
        waiting.setdefault(other.record.key, deque()).append(other)
    ordered: list[Row] = []
    for row in rows:
        before = waiting.get(row.record.key)
        while before and before[0].record.sequence < row.record.sequence:
            ordered.append(before.popleft())
        ordered.append(row)
    return ordered


def _row(row: Any) -> Row:  # Any: of the database
    return Row(row[0], row[1], Outgoing(row[2], row[3], row[4], unpacked(row[5], row[4]), row[6]))
