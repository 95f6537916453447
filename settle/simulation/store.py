"""The database of one service: what is committed, and who has locked what. A transaction is applied whole or not."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any

from services.kernel.decision import Aggregate
from services.kernel.effects import Answer, Effects, PostedJournal
from services.runtime.lanes.business import Business
from services.runtime.lanes.encoding import Encoded
from services.runtime.lanes.item import Item
from services.runtime.stored.inbox import Answered
from services.runtime.stored.journals import StoredEvent
from services.runtime.stored.leases import Peer
from services.runtime.stored.offsets import Beginning, Consumed
from services.runtime.stored.outbox import Row
from services.runtime.stored.parked import Parked
from settle.simulation.agenda import Signal, instant
from settle.simulation.services import MADE, UNLOCKED
from settle.simulation.switches import Switches
from settle.simulation.timers import Timers
from settle.simulation.views import VIEWS

Place = tuple[type, str]
"""Kind and key of a row."""


class Collision(Exception):
    """Another lane was first: it made the same row, or changed what this one had found."""


class Disconnected(Exception):
    """The connection is gone, and with it what it had locked."""


@dataclass(slots=True, eq=False)
class Connection:
    """One connection of a lane: what the server knows of it. `over` rings when its transaction ends."""

    me: Peer
    alive: bool = True
    partitions: set[int] = field(default_factory=set)
    locked: list[Place] = field(default_factory=list)
    fences: set[int] = field(default_factory=set)
    waits_for: "Connection | None" = None
    over: Signal = field(default_factory=Signal)


@dataclass(slots=True)
class Staged:
    """What a transaction is about to commit."""

    effects: Effects[Item]
    encoded: Encoded
    links: Sequence[bytes]
    parked: Sequence[Parked]
    offsets: Mapping[int, int]
    waiting: Mapping[int, int]
    first_seq: int


@dataclass(slots=True)
class ParkedRow:
    """A record that waits for a person."""

    id: int
    record: Parked
    open: bool = True


class Store:
    """What is committed. `now` gives the time of the server, which is nobody else's."""

    def __init__(self, name: str, business: Business) -> None:
        self.name = name
        self.business = business
        self.switches = Switches()
        self.lived_twice: list[tuple[datetime, datetime]] = []
        self.armed: int | None = None
        self.buried: dict[int, int] = {}
        self.offset_of_clock = self._told_at = 0
        self._told = instant(0)
        self.rows: dict[type, dict[str, Any]] = {table.kind: {} for table in business.tables}
        in_order = sorted(business.tables, key=lambda table: not table.root)
        self.places: dict[type, int] = {table.kind: place for place, table in enumerate(in_order)}
        """Of each kind of rows when a transaction loads it: roots first, under whose locks the rest is."""
        self.roots = frozenset(table.kind for table in business.tables if table.root)
        self._families: dict[type, dict[str, dict[str, None]]] = {}
        self.inbox: dict[str, Answered] = {}
        self.timers = Timers(business.partitions)
        self.events: dict[str, list[StoredEvent]] = {}
        self.journals: dict[tuple[str, int, int], PostedJournal] = {}
        self.outbox: dict[int, dict[int, Any]] = {}
        self.consumed: dict[int, Consumed] = {}
        self.parked: list[ParkedRow] = []
        self.lanes: dict[int, Connection] = {}
        self.changes_of_lanes = 0
        self._lane_ids = 0
        self._locks: dict[Place, Connection] = {}
        self._fences: dict[int, Connection] = {}
        self._held: dict[int, Connection] = {}

    def empty(self) -> None:
        """Keep nothing of what was committed."""
        for kept in (self.rows, self._families, self.inbox, self.events, self.journals, self.outbox):
            kept.clear()
        self.timers.empty()
        self.parked.clear()

    def present(self, now: int) -> datetime:
        """The server's time."""
        at = now + self.offset_of_clock
        if at != self._told_at:
            self._told_at, self._told = at, instant(at)
        return self._told

    def jump(self, by: int, now: int) -> None:
        """The server's clock jumps; what it goes back over it shows a second time. What it goes back over twice is one
        stretch with what it went back over before."""
        end = self.present(now)
        self.offset_of_clock += by
        begin = self.present(now)
        if begin < end:
            apart = [each for each in self.lived_twice if each[1] < begin or end < each[0]]
            one = [*(each for each in self.lived_twice if each not in apart), (begin, end)]
            self.lived_twice = [*apart, (min(one)[0], max(each[1] for each in one))]

    def showed_twice(self, *instants: datetime) -> bool:
        """Whether all of these lie in one stretch that the server's clock went back over."""
        return any(all(begin <= at <= end for at in instants) for begin, end in self.lived_twice)

    # -- connections and leases

    def connect(self, number: int, lanes: int) -> Connection:
        """A new lane, known to the others from now on."""
        connection = Connection(Peer(self.new_number(), number, lanes))
        self.lanes[connection.me.lane_id] = connection
        self.changes_of_lanes += 1
        return connection

    def new_number(self) -> int:
        """The next number of the sequence of lanes."""
        self._lane_ids += 1
        return self._lane_ids

    def disconnect(self, connection: Connection) -> None:
        """The server has seen that it is gone: all that it held is free."""
        if connection.alive:
            connection.alive = False
            self.changes_of_lanes += 1
            for partition in connection.partitions:
                del self._held[partition]
            connection.partitions.clear()
            self.end(connection)

    def peers(self) -> list[Peer]:
        """The lanes that live."""
        return [connection.me for connection in self.lanes.values() if connection.alive]

    def gain(self, connection: Connection, partitions: Iterable[int]) -> list[int]:
        """Those of these partitions that were free; they are this connection's from now on."""
        gained = [partition for partition in sorted(partitions) if partition not in self._held]
        for partition in gained:
            self._held[partition] = connection
        connection.partitions.update(gained)
        return gained

    def let_go(self, connection: Connection, partitions: Iterable[int]) -> None:
        """These are free for others."""
        for partition in partitions:
            del self._held[partition]
            connection.partitions.discard(partition)

    def begin_at(self, begin: Mapping[int, Beginning], epoch: str) -> None:
        """Keep where partitions are begun."""
        for partition, each in begin.items():
            before = self.consumed.get(partition)
            waiting = before.waiting_from if before else None
            self.consumed[partition] = Consumed(each.consumed, epoch, waiting)

    # -- transactions

    def lock_fences(self, connection: Connection, partitions: Iterable[int]) -> Connection | None:
        """Lock the offsets of these partitions; answers who has one of them locked."""
        for partition in sorted(partitions):
            holder = self._fences.setdefault(partition, connection)
            if holder is not connection:
                return holder
            connection.fences.add(partition)
        return None

    def lock(self, connection: Connection, kind: type, keys: Sequence[str]) -> Connection | None:
        """Lock the rows that there are of these, those that have to be there among them; answers who has one locked.
        Raises `Disconnected` for a connection that is gone: nobody would let go of what it locked."""
        if not connection.alive:
            raise Disconnected("before it locked anything more")
        rows, locks = self.rows[kind], self._locks
        for key in () if kind in UNLOCKED else keys:
            if key not in rows:
                if kind not in MADE:
                    continue
                rows[key] = MADE[kind](key)
                self._index(rows[key])
            holder = locks.setdefault((kind, key), connection)
            if holder is not connection:
                return holder
            connection.locked.append((kind, key))
        return None

    def end(self, connection: Connection) -> None:
        """A transaction is over: what it had locked is free."""
        for place in connection.locked:
            self._locks.pop(place, None)
        for partition in connection.fences:
            self._fences.pop(partition, None)
        connection.locked.clear()
        connection.fences.clear()
        connection.waits_for = None
        connection.over.ring()

    def reached(self, partitions: Iterable[int]) -> dict[int, int]:
        """How far these partitions are consumed."""
        return {p: self.consumed[p].next_offset for p in sorted(partitions) if p in self.consumed}

    def found(self, kind: type, keys: Iterable[str]) -> dict[str, Aggregate]:
        """The rows that there are of these."""
        view = VIEWS.get(kind)
        if view is not None:
            return {key: row for key in keys if (row := view(self.find, key)) is not None}
        rows = self.rows[kind]
        return {key: rows[key] for key in keys if key in rows}

    def find(self, kind: type, key: str) -> Any:  # Any: of the kind
        """The row, if there is one."""
        return self.rows[kind].get(key)

    def family(self, connection: Connection, kind: type, root: str) -> list[Aggregate]:
        """The open children under a root; of roots only those that nobody else has locked, and they are then."""
        members = self.family_of(kind, root)
        if kind in self.roots:
            free = [row for row in members if self._locks.get((kind, row.key), connection) is connection]
            members = [row for row in free if row.free_minor]
            self.lock(connection, kind, [row.key for row in members])
        return [row for row in members if getattr(row, "open", True)]

    def answers(self, ids: Iterable[str]) -> dict[str, Answer]:
        """What is stored under these ids."""
        inbox = self.inbox
        return {
            key: Answer(key, row.verdict, body_hash=row.body_hash, stored=row)
            for key in ids if (row := inbox.get(key)) is not None
        }

    def behind(self, lane_id: int, topic: str, told: Collection[str]) -> list[Row]:
        """What other lanes have not published of the events of these aggregates, by number."""
        rows = [
            Row(lane, seq, record) for lane, left in self.outbox.items() if lane != lane_id
            for seq, record in left.items() if record.key in told and record.topic == topic
        ]
        return sorted(rows, key=lambda row: row.record.sequence)

    def commit(self, connection: Connection, staged: Staged, present: datetime) -> None:
        """Make all of it true, or raise `Collision` and nothing is."""
        if not connection.alive:
            raise Disconnected(f"the connection of lane {connection.me.lane_id} is gone")
        effects, encoded = staged.effects, staged.encoded
        self._refuse_collisions(staged)
        for kind, changed in effects.dirty.items():
            self.rows[kind].update(changed)
            if kind in self._families:
                for row in changed.values():
                    self._index(row)
        self.inbox.update(encoded.answered)
        for posted in effects.journals:
            self.journals[posted.root, posted.root_version, posted.no] = posted
        for event in encoded.events:
            self.events.setdefault(event.aggregate_id, []).append(event)
        self.timers.keep(effects.timers, effects.cleared)
        for record in staged.parked:
            self.park(record)
        for partition, offset in staged.offsets.items():
            epoch = self.consumed[partition].epoch
            self.consumed[partition] = Consumed(offset, epoch, staged.waiting.get(partition))
        if encoded.outgoing:
            lane = self.outbox.setdefault(connection.me.lane_id, {})
            lane.update(enumerate(encoded.outgoing, staged.first_seq))

    def park(self, record: Parked) -> None:
        """Set a record aside, unless the same waits already."""
        named = (record.key, record.message_id, record.payload)
        if not any(
            row.open and (row.record.key, row.record.message_id, row.record.payload) == named for row in self.parked
        ):
            self.parked.append(ParkedRow(len(self.parked) + 1, record))

    def parked_keys(self) -> dict[str, int]:
        """The keys whose messages wait behind one that is parked, with the place of the first."""
        first: dict[str, int] = {}
        for row in self.parked:
            if row.open and row.record.key:
                first.setdefault(row.record.key, row.id)
        return first

    def every(self, kind: type) -> Iterator[Any]:  # Any: rows of the kind
        """All rows of a kind, by key."""
        rows = self.rows[kind]
        return (rows[key] for key in sorted(rows))

    def family_of(self, kind: type, root: str) -> list[Any]:  # Any: rows of the kind
        """All rows of a kind under a root, open or not, by key."""
        families, rows = self._families.get(kind), self.rows[kind]
        if families is None:  # from now on who asks for a family does not look at all rows
            families = self._families[kind] = {}
            for row in rows.values():
                self._index(row)
        return [rows[key] for key in sorted(families.get(root, ()))]

    def those(self, kind: type, wanted: Callable[[Any], bool]) -> list[Any]:  # Any: rows of the kind
        """The rows of a kind of which this is so, by key."""
        return sorted((row for row in self.rows.get(kind, {}).values() if wanted(row)), key=attrgetter("key"))

    def _index(self, row: Any) -> None:  # Any: a row of any kind
        families = self._families.get(type(row))
        if families is not None:
            families.setdefault(row.root, {})[row.key] = None

    def _refuse_collisions(self, staged: Staged) -> None:
        effects, encoded = staged.effects, staged.encoded
        for kind, changed in effects.dirty.items():
            rows, versions = self.rows[kind], effects.found.get(kind, {})
            for key in changed:
                stored, version = rows.get(key), versions.get(key)
                if version is None and stored is not None:
                    raise Collision(f"{kind.__name__} {key} was made by another lane")
                if version is not None and (stored is None or stored.version != version):
                    raise Collision(f"{kind.__name__} {key} was changed by another lane")
        for key in encoded.answered:
            if key in self.inbox:
                raise Collision(f"{key} was answered by another lane")
        for posted in effects.journals:
            if (posted.root, posted.root_version, posted.no) in self.journals:
                raise Collision(f"a journal of {posted.root} was posted by another lane")
        for event in encoded.events:
            told = self.events.get(event.aggregate_id)
            if told and any(each.sequence == event.sequence for each in reversed(told[-4:])):
                raise Collision(f"{event.aggregate_id}/{event.sequence} was told by another lane")
