"""The way from a process to Kafka and from Kafka to subscribers, and what goes wrong on it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from services.kernel.ids import partition_of
from services.runtime.ground.records import STREAMS, Outgoing, topic
from settle.simulation.agenda import DAY, SECOND
from settle.simulation.tape import Track

if TYPE_CHECKING:
    from settle.simulation.world import World

REPUBLISHED = 2 * SECOND
"""How soon it is seen that Kafka lost events."""
TRUNCATED = 5
"""Of a thousand records, those behind which a log may be cut off."""
_EVENTS = STREAMS[2]


class Network:
    """Delivers what producers send: once, twice, damaged, or to a log that loses it."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._truncations = 0
        self._lost: set[tuple[str, int]] = set()

    def deliver(self, record: Outgoing, track: Track) -> None:
        """A record arrives at the broker."""
        world, faults, is_event = self._world, self._world.faults, record.topic.endswith(f".{_EVENTS}.v1")
        if not is_event and track.chance(faults.damaged):
            payload = record.payload[:-1] + b"\xff" if record.payload else b"\xff"
            world.bus.append(replace(record, payload=b"\xff" + payload))
        if not is_event and track.chance(faults.vanished):
            world.reached.note("record_vanished")
            return
        world.bus.append(record)
        if track.chance(faults.doubled):
            world.reached.note("published_twice")
            world.agenda.after(track.below(SECOND), lambda _: world.bus.append(record))
        if not is_event and track.chance(faults.slow):
            world.reached.note("record_delayed_a_day")
            late = DAY if track.below(2) else 30 * DAY
            world.agenda.after(late, lambda _: world.bus.append(record))
        if self._truncations < faults.truncations and track.chance(0 if world.quiet else TRUNCATED):
            self._truncate(record.topic, record.partition, 1 + track.below(3), is_event)

    def _truncate(self, name: str, partition: int, count: int, is_event: bool) -> None:
        if self._world.bus.truncate(name, partition, count):
            self._truncations += 1
            self._world.reached.note("log_truncated")
            if is_event:
                self._events_lost(name, partition)

    def forget(self) -> None:
        """Kafka forgets everything; what services told is published again."""
        world = self._world
        world.reached.note("log_forgotten")
        world.bus.forget()
        world.subscriber.forgot()
        for name, store in world.stores.items():
            for partition in range(store.business.partitions):
                self._events_lost(topic(name, _EVENTS), partition)

    def _events_lost(self, name: str, partition: int) -> None:
        if (name, partition) not in self._lost:
            self._lost.add((name, partition))
            self._world.agenda.after(REPUBLISHED, lambda _: self._republish(name, partition))

    def _republish(self, name: str, partition: int) -> None:
        """All events of a partition, those of each aggregate in their order."""
        self._lost.discard((name, partition))
        store = next(store for store in self._world.stores.values() if store.business.outbound.events == name)
        outbound, count = store.business.outbound, store.business.partitions
        for aggregate_id in sorted(store.events):
            if partition_of(aggregate_id, count) == partition:
                for event in store.events[aggregate_id]:
                    self._world.reached.note("events_republished")
                    self._world.bus.append(outbound.stored_event(
                        event.aggregate_id, event.sequence, event.type, event.payload, event.at
                    ))
