"""What waits for a lane."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from services.kernel.saga import WAKE
from services.runtime.lanes.item import Item

BACKGROUND_SHARE = 16
"""For this many messages of other work a batch holds one of the background, and always at least one."""
BACKGROUND_ALONE = 64
"""The most that a batch holds of the background when nothing else waits: whoever comes next does not wait long."""


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

    def __bool__(self) -> bool:
        return bool(self.urgent or self.calls or self.background)

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

    def timers(self) -> set[str]:
        """The timers that wait, by the fresh ids of their messages."""
        return {item.message.fresh_id for row in (self.urgent, self.background) for item in row if item.timer}

    async def hurried(self, seconds: float, awaited: Callable[[], bool]) -> None:
        """So long, or until something is there on which the claims of others depend: the answer to a TRY, or what is
        `awaited`. In front of it every other message would cost it a transaction, beside it none."""
        ends = time.monotonic() + seconds
        while not awaited() and not any(item.hastens for item in self.urgent):
            self.wake.clear()
            try:
                async with asyncio.timeout(ends - time.monotonic()):
                    await self.wake.wait()
            except TimeoutError:
                return

    def forget_fetched(self) -> None:
        """Records and timers come again with the next session; what nobody brings again stays (`Item.lasts`)."""
        self.urgent, self.background = (
            deque(item for item in row if item.lasts) for row in (self.urgent, self.background)
        )

    def forget_partitions(self, partitions: Collection[int]) -> None:
        """Records of partitions that others take from now on; those of the others keep their order."""
        self.urgent = deque(
            item for item in self.urgent if (place := item.place) is None or place[0] not in partitions
        )


def _first(row: deque[Item], most: int) -> list[Item]:
    if len(row) > most:
        return [row.popleft() for _ in range(most)]
    taken = list(row)
    row.clear()
    return taken
