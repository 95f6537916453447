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
        self.seen: dict[tuple[str, str], list[Outgoing]] = {}
        for store in world.stores.values():
            for partition in range(store.business.partitions):
                topic = store.business.outbound.events
                self._next[topic, partition] = 0
                world.bus.log(topic, partition).listeners.append(partial(self._read, topic, partition))

    def forgot(self) -> None:
        """All topics begin anew."""
        self._next = dict.fromkeys(self._next, 0)

    def _read(self, topic: str, partition: int) -> None:
        log = self._world.bus.log(topic, partition)
        place = min(self._next[topic, partition], log.end)
        for record in log.records[place:]:
            self._take(record)
        self._next[topic, partition] = log.end

    def _take(self, record: Outgoing) -> None:
        seen, sequence = self.seen.setdefault((record.topic, record.key), []), record.sequence
        if sequence == len(seen) + 1:
            seen.append(record)
        elif sequence <= len(seen):
            if seen[sequence - 1] != record:
                self._world.fail("event_repeated_otherwise", f"{record.key}/{sequence} came again as another one")
        else:
            self._world.fail("event_gap", f"{record.key}/{sequence} came after {len(seen)}")

    def compare(self) -> None:
        """What it has seen is what is kept, no more and no less: each record as it was first sent, and nothing of an
        aggregate that told nothing."""
        for store in self._world.stores.values():
            outbound = store.business.outbound
            seen = {key: records for (name, key), records in self.seen.items() if name == outbound.events}
            for aggregate_id in sorted(store.events.keys() | seen.keys()):
                told, heard = store.events.get(aggregate_id, ()), seen.get(aggregate_id, [])
                if heard != [
                    outbound.stored_event(each.aggregate_id, each.sequence, each.type, each.payload, each.at)
                    for each in told
                ]:
                    partition = partition_of(aggregate_id, store.business.partitions)
                    self._world.fail(
                        "subscriber_view", f"{aggregate_id} told {len(told)} events, {len(heard)} were seen "
                        f"(partition {partition})",
                    )
