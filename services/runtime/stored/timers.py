"""The one wake-up source: rows that become messages when they are due. Nothing unfinished is without one."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from services.kernel.decision import Timer
from services.kernel.ids import partition_of
from services.kernel.messages import Message, TimerDue
from services.kernel.saga import WAKE
from services.runtime.ground.clock import Clock
from services.runtime.ground.tables import Connection
from services.runtime.ground.writing import Write
from services.runtime.stored import switches
from services.runtime.stored.switches import Present

TimerKey = tuple[str, str]


async def find_due(
    connection: Connection, partitions: Sequence[int], clock: Clock, limit: int, sagas: bool
) -> list[Message]:
    """The due timers of these partitions as messages, the oldest of each first: those of sagas, or the others.

    The two are looked for apart, each by its own index: a hundred thousand statement cuts must not hide one saga.
    """
    rows = await connection.fetch(
        f"""select t.kind, t.key, t.root, t.due_at from unnest($1::integer[]) p,
            lateral (select kind, key, root, due_at from timers
                     where partition = p and due_at <= {clock.sql} and kind {'=' if sagas else '<>'} '{WAKE}'
                     order by due_at limit $2) t""",
        partitions, limit // len(partitions) + 1,
    )
    return [
        Message(
            id="", key=row[2], body=TimerDue(row[0], row[1], row[3]),
            fresh_id=f"{row[0]}/{row[1]}/{row[3].timestamp()}",
        )
        for row in rows
    ]


async def still_due(
    connection: Connection, wanted: Mapping[TimerKey, datetime | None], clock: Clock
) -> tuple[Present, set[TimerKey]]:
    """The present instant with what is stopped, and which of these timers are still due: at it, or at their own where
    they have one that is later; read after their roots are locked, so that each fires once."""
    keys = sorted(wanted)
    rows = await connection.fetch(
        f"""select p.present, s.stopped, t.kind, t.key from {clock.sql} p (present) cross join {switches.SQL}
            left join (unnest($1::text[], $2::text[], $3::timestamptz[]) w (kind, key, at)
                       join timers t on t.kind = w.kind and t.key = w.key) on t.due_at <= greatest(present, w.at)""",
        [k for k, _ in keys], [k for _, k in keys], [wanted[key] for key in keys],
    )
    due = {(row[2], row[3]) for row in rows if row[2] is not None}
    return switches.present_of(rows[0][0], rows[0][1]), due


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


async def any_left(connection: Connection, timers: Iterable[Timer]) -> bool:
    """Whether one of these timers is there as it was set: it has neither rung nor moved."""
    rows = list(timers)
    left: bool = await connection.fetchval(
        """select exists (select from unnest($1::text[], $2::text[], $3::timestamptz[]) w (kind, key, due_at)
                          join timers t on t.kind = w.kind and t.key = w.key and t.due_at = w.due_at)""",
        [t.kind for t in rows], [t.key for t in rows], [t.due_at for t in rows],
    )
    return left


async def postpone(connection: Connection, timer: TimerKey, due_at: datetime) -> None:
    """Let a timer come later, if it is still there."""
    await connection.execute("update timers set due_at = $3 where kind = $1 and key = $2", *timer, due_at)


def save(timers: Iterable[Timer], cleared: Iterable[TimerKey], partitions: int) -> list[Write]:
    """Set or move some timers, and delete others that have nothing to wake any more; none is both."""
    rows, gone = sorted(timers, key=lambda t: (t.kind, t.key)), sorted(cleared)
    return [
        Write(
            """delete from timers t using unnest($1::text[], $2::text[]) w (kind, key)
               where t.kind = w.kind and t.key = w.key""",
            ([kind for kind, _ in gone], [key for _, key in gone]),
        ),
        Write(
            """insert into timers (kind, key, root, partition, due_at)
               select * from unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::timestamptz[])
               on conflict (kind, key) do update
               set root = excluded.root, partition = excluded.partition, due_at = excluded.due_at""",
            (
                [t.kind for t in rows], [t.key for t in rows], [t.root for t in rows],
                [partition_of(t.root, partitions) for t in rows], [t.due_at for t in rows],
            ),
        ),
    ]
