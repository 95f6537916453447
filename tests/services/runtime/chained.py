"""Events as a lane writes them: each with its link."""

from collections.abc import Sequence

from services.kernel.chain import EVENTS, NONE_YET, linked, row_of
from services.runtime.ground.tables import Connection
from services.runtime.ground.writing import write
from services.runtime.stored.journals import StoredEvent, save_events


async def tell(connection: Connection, told: Sequence[StoredEvent], key: bytes = b"") -> dict[str, bytes]:
    """Save these, each as the next of its aggregate; answers the heads of their chains."""
    heads: dict[str, bytes] = {}
    links = []
    for e in told:
        row = row_of(EVENTS, e.aggregate_id, e.sequence, *e.chained)
        link, heads[e.aggregate_id] = linked(heads.get(e.aggregate_id, NONE_YET), row, key)
        links.append(link)
    await write(connection, save_events(told, links))
    return heads
