"""Which messages were under way when a lane lost its session, so that one that costs it the session each time is found.

An outage hits any message, and the next session decides it. Whoever was there twice goes on with half of the company it
had; if a session is lost with one that was alone, that one is set aside.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from services.kernel.errors import Undecodable
from services.runtime.lanes.item import Item, without

TIMES_MAX = 2
"""A message that was under way so often when a session was lost is a suspect."""
REMEMBERED_MAX = 20_000


@dataclass(frozen=True, slots=True)
class _Losses:
    """How often, and with how many others at last: the company that it may have next."""

    times: int
    company: int


class Suspects:
    """The memory of one lane, across its sessions."""

    def __init__(self) -> None:
        self._losses: dict[Hashable, _Losses] = {}
        self._condemned: set[Hashable] = set()

    def lost(self, items: Sequence[Item], slow: Item | None = None) -> None:
        """The session ended with these under way; one of them is known to have been `slow` enough to have ended it."""
        if len(self._losses) > REMEMBERED_MAX:
            self._losses.clear()
            self._condemned.clear()
        for item in items:
            identity = _identity(item)
            if identity is None:
                continue
            before = self._losses.get(identity, _Losses(0, len(items)))
            if len(items) == 1 and before.times >= TIMES_MAX and before.company == 1:
                self._condemned.add(identity)
            times = TIMES_MAX if item is slow else before.times + 1
            self._losses[identity] = _Losses(times, 1 if item is slow else max(len(items) // 2, 1))

    def cleared(self, items: Sequence[Item]) -> None:
        """These were decided, or set aside: a timer comes again, a caller may, and then the next loss is enough."""
        if not self._losses:
            return
        for item in items:
            identity = _identity(item)
            if identity in self._condemned and item.record is None:
                self._losses[identity] = _Losses(TIMES_MAX, 1)
            else:
                self._losses.pop(identity, None)
            self._condemned.discard(identity)

    def among(self, items: Sequence[Item]) -> bool:
        """Whether one of these is a suspect."""
        return bool(self._losses) and any(map(self._suspected, items))

    def choose(self, items: list[Item]) -> list[Item]:
        """Which of these may go into one transaction; the records of a partition keep their order."""
        if not self._losses:
            return items
        free = [item for item in items if item.record is None and self._suspected(item)]
        rest = sorted(without(items, free), key=lambda item: item.record is None)
        ordered, most = [*free, *rest], len(items)
        for place, item in enumerate(ordered):
            if losses := self._suspected(item):
                most = min(most, max(losses.company, place) if losses.company == 1 else losses.company)
        return ordered[:most]

    def _suspected(self, item: Item) -> _Losses | None:
        losses = self._losses.get(_identity(item))
        return losses if losses is not None and losses.times >= TIMES_MAX else None

    def verdict(self, item: Item) -> Undecodable | None:
        """Why this one is not decided again, if it is not."""
        if not self._condemned or _identity(item) not in self._condemned:
            return None
        times = self._losses[_identity(item)].times
        return Undecodable("SESSION_LOST", f"the lane lost its session {times} times while this was decided")


def _identity(item: Item) -> Hashable:
    """What a message is known by in the next session; None for a report of our own, which does not come again."""
    if item.record is not None:
        return item.record.topic, item.record.partition, item.record.offset
    if item.timer is not None:
        return item.timer.kind, item.timer.key
    return item.message.id or None
