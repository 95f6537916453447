"""A process of a service: a lane, what it publishes, the sweeper, and the calls to the rail. It dies and comes back."""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from services.kernel.messages import Message
from services.runtime.ground.records import Outgoing
from services.runtime.kafka.under_way import Place, UnderWay
from services.runtime.lanes.item import Item
from services.runtime.stored.outbox import Row, in_order
from settle.simulation.agenda import MS, SECOND, Steps, Task
from settle.simulation.calls import Waiting
from settle.simulation.lane import Died, Lane
from settle.simulation.services import inbound
from settle.simulation.store import Store

if TYPE_CHECKING:
    from settle.simulation.world import World

CLEAR, SWEEP = 250 * MS, 3 * SECOND
BURIED = 2 * SECOND
"""So long a sweeper has a dead lane's rows to itself."""
Topic = tuple[str, int]
"""A partition of a topic."""


class Process:
    """One of the processes of a service."""

    def __init__(self, world: "World", store: Store, name: str) -> None:
        self.world, self.store, self.name = world, store, name
        self.topic = inbound(store.name)
        self.track = world.tape.track(f"network of {name}")
        self.alive = False
        self.callers: dict[Waiting, None] = {}
        self._generation = 0
        self.start(None)

    def start(self, _: object) -> None:
        """A new life, with an empty memory."""
        if self.alive:
            return
        self.alive = True
        self._sweeps = False
        self._generation += 1
        self.lane = Lane(self)
        self._under_way = UnderWay()
        self._queues: dict[Topic, deque[tuple[Place, Outgoing]]] = {}
        self._clears = False
        self._task: Task = self.world.agenda.start(self._live())
        self.sweep_soon()

    def _live(self) -> Steps:
        try:
            yield from self.lane.run()
        except Died:
            self.die()

    def die(self) -> None:
        """All that it had in memory is gone; who waited for it hears of it. It comes back."""
        if not self.alive:
            return
        self.alive = False
        self.world.story.note(self.name, "died")
        callers, self.callers = self.callers, {}
        for caller in callers:
            caller.gone()
        self.world.agenda.after(SECOND * (1 + self.track.below(20)), self.start)

    def kill(self) -> None:
        """End it from outside, wherever it is."""
        if self.alive:
            self._task.stop()
            self.die()

    # -- calls

    def call(self, message: Message, caller: Waiting, body_hash: bytes, seconds: float) -> None:
        """Queue a call; its caller is told."""
        self.callers[caller] = None
        expires_at = self.world.seconds() + seconds
        self.lane.queues.add(Item(message, caller, body_hash, expires_at=expires_at))
        self.lane.poke()

    def act(self, action: object, stopped: frozenset[str]) -> None:
        """Make a call to the outside world, which was decided while this was `stopped`; what comes of it is a message
        of our own."""
        generation = self._generation

        def report(message: Message | None) -> None:
            if message is not None and self.alive and generation == self._generation:
                self.lane.queues.add(Item(message))
                self.lane.poke()

        self.world.outside.act(action, stopped, report)

    # -- what leaves it

    def publish(self, lane_id: int, last_seq: int, records: Sequence[Outgoing], earlier: Sequence[Row]) -> None:
        """What a transaction left; before it the rows of other lanes that its events come after."""
        if fresh := self._under_way.take(earlier):
            self.world.reached.note("sweep_beside_publisher", len(fresh))
            for row in fresh:
                self._send((row.lane_id, row.seq), row.record)
        for place, record in zip(self._under_way.put(lane_id, last_seq, len(records)), records, strict=True):
            self._send(place, record)

    def _send(self, place: Place, record: Outgoing) -> None:
        topic = record.topic, record.partition
        queue = self._queues.get(topic)
        if queue is None:
            queue = self._queues[topic] = deque()
        queue.append((place, record))
        if len(queue) == 1:
            self._pump(topic, self._generation)

    def _pump(self, topic: Topic, generation: int) -> None:
        """Send what waits for a partition, one after the other; each may take its time."""
        queue = self._queues[topic]
        while queue:
            delay = self._delay()
            if delay:
                self.world.agenda.after(delay, lambda _: self._delivered(topic, generation))
                return
            self._deliver(*queue.popleft())

    def _delivered(self, topic: Topic, generation: int) -> None:
        if generation != self._generation or not self.alive:
            return
        if self.track.chance(self.world.faults.lost):
            self.world.agenda.after(SECOND, lambda _: self._delivered(topic, generation))
            return
        queue = self._queues[topic]
        self._deliver(*queue.popleft())
        if queue:
            self._pump(topic, generation)

    def _deliver(self, place: Place, record: Outgoing) -> None:
        self.world.network.deliver(record, self.track)
        self._under_way.done(place)
        if not self._clears:
            self._clears = True
            self.world.agenda.after(CLEAR, self._clear_of(self._generation))

    def _delay(self) -> int:
        return self.track.below(self.world.swarm.delay + 1) if not self.world.quiet else 0

    def _clear_of(self, generation: int) -> Any:  # Any: what the agenda calls
        def clear(_: object) -> None:
            if generation != self._generation or not self.alive:
                return
            self._clears = False
            places, _ = self._under_way.acknowledged()
            for lane_id, seq in places:
                self.store.outbox[lane_id].pop(seq, None)
            self._under_way.cleared(places)

        return clear

    def sweep_soon(self) -> None:
        """There may be something that nobody published."""
        if not self._sweeps:
            self._sweeps = True
            generation = self._generation
            self.world.agenda.after(SWEEP, lambda _: self._sweep(generation))

    def _sweep(self, generation: int) -> None:
        """Publish what dead lanes left behind."""
        if generation != self._generation or not self.alive:
            return
        self._sweeps = False
        store, now, left = self.store, self.world.agenda.now, False
        for lane_id in sorted(store.outbox):
            connection = store.lanes.get(lane_id)
            rows = store.outbox[lane_id]
            if not rows or (connection is not None and connection.alive):
                continue
            left = True
            if store.buried.get(lane_id, -1) > now:
                continue
            store.buried[lane_id] = now + BURIED
            after, but = self._under_way.holds(lane_id)
            beyond = [Row(lane_id, seq, rows[seq]) for seq in sorted(rows) if seq > after and seq not in but]
            told = {row.record.key for row in beyond if row.record.sequence > 1}
            others = store.behind(lane_id, store.business.outbound.events, told) if told else []
            fresh = self._under_way.take(in_order(beyond, others))
            if fresh:
                self.world.reached.note("swept", len(fresh))
            for row in fresh:
                self._send((row.lane_id, row.seq), row.record)
        if left:
            self.sweep_soon()
