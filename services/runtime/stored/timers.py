"""The one wake-up source: rows that become messages when they are due. Nothing unfinished is without one."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from services.kernel.decision import Timer
from services.kernel.ids import partition_of
from services.kernel.messages import Message, TimerDue
from services.kernel.saga import WAKE
from services.runtime.ground.tables import Connection

TimerKey = tuple[str, str]


async def find_due(
    connection: Connection, partitions: Sequence[int], now: datetime, limit: int, sagas: bool
) -> list[Message]:
    """The due timers of these partitions as messages, the oldest of each first: those of sagas, or the others.

    The two are looked for apart, each by its own index: a hundred thousand statement cuts must not hide one saga.
    """
    rows = await connection.fetch(
        f"""select t.kind, t.key, t.root, t.due_at from unnest($1::integer[]) p,
            lateral (select kind, key, root, due_at from timers
                     where partition = p and due_at <= $2 and kind {'=' if sagas else '<>'} '{WAKE}'
                     order by due_at limit $3) t""",
        partitions, now, limit // len(partitions) + 1,
    )
    return [
        Message(
            id="", key=row[2], body=TimerDue(row[0], row[1], row[3]),
            fresh_id=f"{row[0]}/{row[1]}/{row[3].timestamp()}",
        )
        for row in rows
    ]


async def still_due(connection: Connection, wanted: Mapping[TimerKey, datetime]) -> set[TimerKey]:
    """Which of these timers are still due, each by its instant; read after their roots are locked, so that each fires
    once."""
    keys = sorted(wanted)
    rows = await connection.fetch(
        """select t.kind, t.key from unnest($1::text[], $2::text[], $3::timestamptz[]) w (kind, key, due_at)
           join timers t on t.kind = w.kind and t.key = w.key where t.due_at <= w.due_at""",
        [k for k, _ in keys], [k for _, k in keys], [wanted[key] for key in keys],
    )
    return {(row[0], row[1]) for row in rows}


async def ensure(connection: Connection, timers: Iterable[Timer], partitions: int) -> None:
    """Set the timers that are missing; one that is there stays as it is."""
    rows = sorted(timers, key=lambda t: (t.kind, t.key))
    await connection.execute(
        """insert into timers (kind, key, root, partition, due_at)
           select * from unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::timestamptz[])
           on conflict (kind, key) do nothing""",
        [t.kind for t in rows], [t.key for t in rows], [t.root for t in rows],
        [partition_of(t.root, partitions) for t in rows], [t.due_at for t in rows],
    )


async def save(connection: Connection, timers: Iterable[Timer], cleared: Iterable[TimerKey], partitions: int) -> None:
    """Set or move some timers, and delete others that have nothing to wake any more; none is both."""
    rows, gone = sorted(timers, key=lambda t: (t.kind, t.key)), sorted(cleared)
    await connection.execute(
        """with gone as (
               delete from timers t using unnest($6::text[], $7::text[]) w (kind, key)
               where t.kind = w.kind and t.key = w.key)
           insert into timers (kind, key, root, partition, due_at)
           select * from unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::timestamptz[])
           on conflict (kind, key) do update
           set root = excluded.root, partition = excluded.partition, due_at = excluded.due_at""",
        [t.kind for t in rows], [t.key for t in rows], [t.root for t in rows],
        [partition_of(t.root, partitions) for t in rows], [t.due_at for t in rows],
        [kind for kind, _ in gone], [key for _, key in gone],
    )
