"""What was asked of a rail and is not settled yet, for the metrics."""

from collections.abc import Sequence

from services.runtime.ground.tables import Connection
from services.runtime.stored.open_work import OpenWork


async def open_payments(connection: Connection, most: int) -> Sequence[OpenWork]:
    """Legs that wait for the rail, by their state; `most` are looked at. They are found by their timers, so that no
    index has to follow each change of a state."""
    rows = await connection.fetch(
        """select l.state, count(*), min(l.created_at), sum(l.amount_minor)
           from (select key from timers where kind = 'leg' order by key limit $1) t join legs l on l.id = t.key
           where l.state not in ('SETTLED', 'RECALLED', 'REROUTED') group by l.state order by l.state""",
        most,
    )
    return [OpenWork((row[0],), row[1], row[2], int(row[3])) for row in rows]
