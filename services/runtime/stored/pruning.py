"""What was kept long enough goes, one bounded slice at a time: answers, parked messages that were resolved, old events.

Rows go in windows of the time from which they are, the oldest first; how far that has come is a fact of the database.
Each function is called in a transaction of its own. Journals, operations and audit records are no business of this
room: they stay for ever.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from services.kernel.chain import NONE_YET, head_of
from services.kernel.messages import Op
from services.runtime.ground import facts
from services.runtime.ground.tables import Connection

SLICE_ROWS = 2_000
"""About so many rows are deleted in one transaction."""
WINDOW_MIN, WINDOW_MAX = timedelta(milliseconds=10), timedelta(days=1)


Window: TypeAlias = tuple[datetime, datetime]
"""From an instant on, up to another."""


class Pruned(StrEnum):
    """What is pruned in windows of time; its name is that of the fact how far that has come."""

    ANSWERS_OF_REQUESTS = "pruned_answers_of_requests"
    ANSWERS_OF_BRANCHES = "pruned_answers_of_branches"
    EVENTS = "pruned_events"


_FIRST = {
    Pruned.ANSWERS_OF_REQUESTS: "select min(decided_at) from inbox",
    Pruned.ANSWERS_OF_BRANCHES: "select min(decided_at) from inbox",
    Pruned.EVENTS: "select min(at) from events",
}


_OF_BRANCH = f"/[{''.join(Op)}]$"
"""How the id of a branch's answer ends, and no request's nor notice's: with the operation."""


class Windows:
    """Windows of time from where the last pruning ended to `until`, as wide as a slice needs."""

    def __init__(self, began: datetime, until: datetime) -> None:
        self._at, self._until, self._width = began, until, timedelta(seconds=1)

    def __bool__(self) -> bool:
        return self._at < self._until

    def next(self) -> Window:
        """The window to prune now."""
        return self._at, min(self._at + self._width, self._until)

    def pruned(self, rows: int) -> None:
        """It had so many rows: go on after it, with a fitting width."""
        self._at = self.next()[1]
        wider = 2 if rows < SLICE_ROWS // 2 else 0.5 if rows > SLICE_ROWS else 1
        self._width = max(min(self._width * wider, WINDOW_MAX), WINDOW_MIN)


async def windows(connection: Connection, kind: Pruned, until: datetime) -> Windows:
    """What of this kind is to be pruned."""
    began = await connection.fetchval("select value::timestamptz from runtime_facts where name = $1", kind.value)
    return Windows(began or await connection.fetchval(_FIRST[kind]) or until, until)


async def prune(connection: Connection, kind: Pruned, window: Window, chain_key: bytes = b"") -> int:
    """Prune what of this kind is of the window, and remember that; answers how many rows. Chains are under the key."""
    if kind is Pruned.EVENTS:
        rows = await _events(connection, window, chain_key)
    else:
        rows = await _answers(connection, kind, window)
    await facts.keep(connection, {kind.value: window[1].isoformat()})
    return rows


async def _answers(connection: Connection, kind: Pruned, window: Window) -> int:
    """Delete the answers of this kind that were decided in the window; answers how many.

    Those stay for good that say what became of a message, or of its saga, of which a copy is set aside: retried, it
    would be decided anew.
    """
    branches = kind is Pruned.ANSWERS_OF_BRANCHES
    decided = "split_part(message_id, '/', 1)" if branches else "message_id"
    status = await connection.execute(
        f"""delete from inbox
            where decided_at >= $1 and decided_at < $2 and message_id {'~' if branches else '!~'} '{_OF_BRANCH}'
              and {decided} not in (select {decided} from parked where state = 'PARKED')""",
        *window,
    )
    return int(status.split()[-1])


async def prune_parked(connection: Connection, before: datetime) -> int:
    """Delete messages that were set aside and resolved before; answers how many."""
    status = await connection.execute(
        """delete from parked where id in (select id from parked where state <> 'PARKED' and resolved_at < $1
                                           order by id limit $2)""",
        before, SLICE_ROWS,
    )
    return int(status.split()[-1])


async def _events(connection: Connection, window: Window, chain_key: bytes) -> int:
    """Drop the events of the window, and what came before them, but the newest of each aggregate, and whatever follows
    one that is too young, as it may where a clock went back; keep the head of the chain at the last one dropped, as its
    root had it then. Answers how many."""
    rows = await connection.fetch(
        """select e.aggregate_id, e.sequence, e.link, c.hash
           from (select distinct aggregate_id from events where at >= $1 and at < $2) old
           join lateral (select least(max(sequence), min(sequence) filter (where at >= $2)) sequence
                         from events where aggregate_id = old.aggregate_id) first_kept on true
           join events e on e.aggregate_id = old.aggregate_id and e.sequence < first_kept.sequence
           left join event_checkpoints c on c.aggregate_id = e.aggregate_id
           order by e.aggregate_id, e.sequence""",
        *window,
    )
    checkpoints: dict[str, tuple[int, bytes]] = {}
    for aggregate_id, sequence, link, known in rows:
        before = checkpoints[aggregate_id][1] if aggregate_id in checkpoints else known or NONE_YET
        checkpoints[aggregate_id] = sequence, head_of(link, chain_key) if link else before
    if checkpoints:
        await _drop(connection, checkpoints)
    return len(rows)


async def _drop(connection: Connection, checkpoints: Mapping[str, tuple[int, bytes]]) -> None:
    keys, sequences = list(checkpoints), [sequence for sequence, _ in checkpoints.values()]
    await connection.execute(
        """insert into event_checkpoints (aggregate_id, sequence, hash, made_at)
           select u.*, now() from unnest($1::text[], $2::bigint[], $3::bytea[]) u
           on conflict (aggregate_id) do update
           set sequence = excluded.sequence, hash = excluded.hash, made_at = excluded.made_at""",
        keys, sequences, [chained for _, chained in checkpoints.values()],
    )
    await connection.execute("set local settle.pruning = 'on'")
    await connection.execute(
        """delete from events e using unnest($1::text[], $2::bigint[]) c (aggregate_id, sequence)
           where e.aggregate_id = c.aggregate_id and e.sequence <= c.sequence""",
        keys, sequences,
    )
