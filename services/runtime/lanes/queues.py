"""What waits for a lane."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.kernel.saga import WAKE
from services.runtime.lanes.item import Item

BACKGROUND_SHARE = 16
"""Beside other work, one message in so many is of the background, and one at least in every batch."""
BACKGROUND_ALONE = 64
"""So many go into one batch when nothing else waits: a settlement that comes next does not wait long."""


@dataclass(slots=True)
class Queues:
    """What waits for a lane, in three rows.

    `urgent` (replies, saga commands, the timers of sagas) goes before `calls`: open work before new work.
    All other timers, and the calls of nightly runs, are `background`: a midnight at which every account
    is due must not starve the settlements, and an account that is touched before its turn is brought up
    to date by the decision that touches it.
    """

    calls: deque[Item] = field(default_factory=deque)
    urgent: deque[Item] = field(default_factory=deque)
    background: deque[Item] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def __len__(self) -> int:
        return len(self.calls) + len(self.urgent) + len(self.background)

    def take(self, most: int) -> list[Item]:
        """Up to `most` items, the urgent ones first, a few of the background unless there is room for one only."""
        others = len(self.urgent) + len(self.calls)
        beside = 1 + min(others, most) // BACKGROUND_SHARE if others else min(most, BACKGROUND_ALONE)
        taken = _first(self.background, min(beside, most - 1) if others else beside)
        taken += _first(self.urgent, most - len(taken))
        taken += _first(self.calls, most - len(taken))
        return taken

    def add(self, item: Item) -> None:
        """Queue an item where it belongs."""
        self._row(item).append(item)
        self.wake.set()

    def give_back(self, items: Sequence[Item]) -> None:
        """Put items that were taken where they stood."""
        for item in reversed(items):
            self._row(item).appendleft(item)

    def _row(self, item: Item) -> deque[Item]:
        if item.background or ((timer := item.timer) and timer.kind != WAKE):
            return self.background
        return self.calls if item.answer is not None else self.urgent

    def forget_fetched(self) -> None:
        """Records and timers come again with the next session; calls stay, their callers are waiting."""
        self.urgent, self.background = deque(), deque(item for item in self.background if item.answer is not None)


def _first(row: deque[Item], most: int) -> list[Item]:
    return [row.popleft() for _ in range(min(most, len(row)))]
