"""A session of a lane: what lasts as long as its connection, and no longer."""

from dataclasses import dataclass, field

from services.runtime.ground.tables import Connection
from services.runtime.lanes.feed import Feed
from services.runtime.stored.leases import Peer


@dataclass(slots=True)
class Session:
    """One connection's life: its lane id, its outbox numbers, and its partitions."""

    connection: Connection
    life: str
    me: Peer
    feed: Feed
    next_seq: int = 1
    held: set[int] = field(default_factory=set)
    peers: frozenset[Peer] = frozenset()
    shared_at: float = 0.0
    spoke_at: float = 0.0

    @property
    def lane_id(self) -> int:
        """Under which its rows stand in the outbox."""
        return self.me.lane_id
