"""What is under way in the whole service, as its database has it: for the metrics, never for a decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.runtime.ground.tables import Connection


@dataclass(frozen=True, slots=True)
class OpenWork:
    """What of one kind is open: what it is called in the metrics' labels, how many, since when the oldest, how much."""

    labels: tuple[str, ...]
    count: int
    oldest_at: datetime
    amount_minor: int = 0


async def open_sagas(connection: Connection, most: int) -> Sequence[OpenWork]:
    """Sagas that have not ended, by kind and phase; those of which a person has to decide are among them. They are
    found by their timers (no index follows a phase), and `most` are looked at."""
    rows = await connection.fetch(
        """select s.kind, s.phase, count(*), min(s.started_at)
           from (select key from timers where kind = 'saga' order by key limit $1) t join sagas s on s.id = t.key
           group by s.kind, s.phase order by s.kind, s.phase""",
        most,
    )
    return [OpenWork((row[0], row[1]), row[2], row[3]) for row in rows]


async def parked_open(connection: Connection, most: int) -> int:
    """How many messages are set aside now, counted up to `most`."""
    count: int = await connection.fetchval(
        "select count(*) from (select from parked where state = 'PARKED' limit $1) p", most
    )
    return count
