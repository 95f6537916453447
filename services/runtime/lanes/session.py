"""A session of a lane: what lasts as long as its connection, and no longer."""

from dataclasses import dataclass, field

from services.runtime.ground.postgres import server_life
from services.runtime.ground.tables import Connection
from services.runtime.lanes.feed import Feed
from services.runtime.stored import leases, outbox
from services.runtime.stored.leases import Peer
from services.runtime.stored.outbox import Outlet


@dataclass(slots=True)
class Session:
    """One connection's life: its lane id, where its records are left, and its partitions."""

    connection: Connection
    life: str
    me: Peer
    feed: Feed
    outlet: Outlet
    held: set[int] = field(default_factory=set)
    peers: frozenset[Peer] = frozenset()
    shared_at: float = 0.0
    spoke_at: float = 0.0

    @classmethod
    async def begun(cls, connection: Connection, feed: Feed, number: int, lanes: int) -> "Session":
        """On record as lane `number` of the `lanes` of its process, and counted among those that share partitions."""
        me = Peer(await leases.announce(connection), number, lanes)
        session = cls(connection, await server_life(connection), me, feed, await outbox.outlet(connection, me.lane_id))
        await leases.join(connection, me)
        return session

    @property
    def lane_id(self) -> int:
        """Under which its rows stand in the outbox."""
        return self.me.lane_id
