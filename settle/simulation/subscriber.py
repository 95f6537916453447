"""A subscriber of all events: what it sees is what the services keep, in order and without a gap."""

from functools import partial
from typing import TYPE_CHECKING

from services.kernel.ids import partition_of
from services.runtime.ground.records import Outgoing

if TYPE_CHECKING:
    from settle.simulation.world import World


class Subscriber:
    """It has read everything up to now as soon as it is written; repeats have to be the same to the byte."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._next: dict[tuple[str, int], int] = {}
        self._missing: set[int] = set()
        self.seen: dict[tuple[str, str], list[Outgoing]] = {}
        for store in world.stores.values():
            for partition in range(store.business.partitions):
                topic = store.business.outbound.events
                self._next[topic, partition] = 0
                world.bus.log(topic, partition).listeners.append(partial(self._read, topic, partition))

    def may_miss(self, partition: int) -> None:
        """Kafka lost something of this partition: what is missing comes again."""
        self._missing.add(partition)

    def forgot(self) -> None:
        """All topics begin anew."""
        self._next = dict.fromkeys(self._next, 0)

    def _read(self, topic: str, partition: int) -> None:
        log = self._world.bus.log(topic, partition)
        place = min(self._next[topic, partition], log.end)
        for record in log.records[place:]:
            self._take(record, partition)
        self._next[topic, partition] = log.end

    def _take(self, record: Outgoing, partition: int) -> None:
        seen, sequence = self.seen.setdefault((record.topic, record.key), []), record.sequence
        if sequence == len(seen) + 1:
            seen.append(record)
        elif sequence <= len(seen):
            if seen[sequence - 1] != record:
                self._world.fail("event_repeated_otherwise", f"{record.key}/{sequence} came again as another one")
        elif partition not in self._missing:
            self._world.fail("event_gap", f"{record.key}/{sequence} came after {len(seen)}")

    def compare(self) -> None:
        """What it has seen is what is kept, no more and no less."""
        for store in self._world.stores.values():
            for aggregate_id, events in store.events.items():
                seen = self.seen.get((store.business.outbound.events, aggregate_id), [])
                if [record.payload for record in seen] != [event.payload for event in events]:
                    partition = partition_of(aggregate_id, store.business.partitions)
                    self._world.fail(
                        "subscriber_view", f"{aggregate_id} told {len(events)} events, {len(seen)} were seen "
                        f"(partition {partition})",
                    )
