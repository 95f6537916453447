"""What waits for a lane."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from services.runtime.batch import Item


@dataclass(slots=True)
class Queues:
    """What waits for a lane. `urgent` (replies, saga commands, timers) goes before `calls`: open work before new work."""

    calls: deque[Item] = field(default_factory=deque)
    urgent: deque[Item] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def __len__(self) -> int:
        return len(self.calls) + len(self.urgent)

    def take(self, most: int) -> list[Item]:
        """Up to `most` items, the urgent ones first."""
        taken = [self.urgent.popleft() for _ in range(min(most, len(self.urgent)))]
        taken += [self.calls.popleft() for _ in range(min(most - len(taken), len(self.calls)))]
        return taken

    def add(self, item: Item) -> None:
        """Queue an item where it belongs."""
        (self.calls if item.answer is not None else self.urgent).append(item)
        self.wake.set()
