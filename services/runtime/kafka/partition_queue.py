"""What waits to be sent to one partition: in order, slice by slice, the next after the last was acknowledged."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from aiokafka import TopicPartition

from services.runtime.ground.records import Outgoing

Receipt: TypeAlias = Callable[[], None]
"""Called once, when the record is in Kafka for good, or set aside for good."""


@dataclass(slots=True, eq=False)
class PartitionQueue:
    """The queue of one partition of one topic.

    `slice` is what is under way: at most one Kafka batch, so that a slow broker shows progress with every
    acknowledgement. `moved_at` is when it last moved. `most` bounds the next slice while the record is looked for that
    the broker refuses.
    """

    place: TopicPartition
    waiting: deque[tuple[Outgoing, Receipt]] = field(default_factory=deque)
    slice: list[tuple[Outgoing, Receipt]] = field(default_factory=list)
    most: int = 0
    moved_at: float = 0.0

    def __len__(self) -> int:
        return len(self.waiting) + len(self.slice)

    def taken(self, count: int) -> None:
        """The first `count` records are under way."""
        self.slice = [self.waiting.popleft() for _ in range(count)]
        self.moved_at = time.monotonic()

    def acknowledged(self) -> None:
        """The slice is in Kafka: tell everyone whose record it held."""
        done, self.slice, self.most = self.slice, [], 0
        self.moved_at = time.monotonic()
        for _, receipt in done:
            receipt()

    def again(self) -> None:
        """Nobody knows what became of the slice: it waits again, before all others."""
        self.waiting.extendleft(reversed(self.slice))
        self.slice = []

    def halve(self) -> None:
        """Something in the slice is refused: look for it in halves."""
        self.most = max(len(self.slice) // 2, 1)
        self.again()
