"""Redemptions for those who watch them: each change is told once, whichever process made it.

What this process commits wakes who watches it at once. What another process commits is looked for here, for everybody
at once: who watches reads only what has changed.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from services.card_redemption.domain.redemption.order import RedemptionOrder, owned
from services.card_redemption.store.redemption_reads import find_redemption, versions_of
from services.runtime.ground.tables import Connection
from services.runtime.rpc.edge import Edge

LOOK_SECONDS = 0.5
"""How often it is looked for what other processes did."""
TOGETHER_MAX = 1_000
"""So many redemptions are looked for by one statement."""


@dataclass(slots=True)
class _Followed:
    """A redemption that somebody watches: its newest version that is known, and whom to wake."""

    version: int = 0
    watchers: set[asyncio.Event] = field(default_factory=set)


class Following:
    """Who watches which redemption, in one process; its task lives as long as somebody does."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._followed: dict[str, _Followed] = {}
        self._task: asyncio.Task[None] | None = None

    async def follow(self, redemption_id: str, customer_id: str) -> AsyncGenerator[RedemptionOrder, None]:
        """The redemption, if it is theirs, now and after each change until its end; REDEMPTION_NOT_FOUND if it is not.

        While the database is away there is no change, and nobody hears of it.
        """
        followed = self._followed.setdefault(redemption_id, _Followed())
        seen = 0
        with self._edge.changes(redemption_id) as changed:
            followed.watchers.add(changed)
            try:
                while True:
                    changed.clear()
                    order = await self._read(redemption_id, customer_id, first=not seen)
                    if order is not None and order.version > seen:
                        seen = order.version
                        followed.version = max(followed.version, seen)
                        yield order
                        if not order.open and not order.transit_minor:
                            return
                        continue
                    if order is None:  # nobody could say: whatever is there is news
                        followed.version = 0
                    self._look()
                    await changed.wait()
            finally:
                followed.watchers.discard(changed)
                if not followed.watchers and self._followed.get(redemption_id) is followed:
                    del self._followed[redemption_id]

    async def _read(self, redemption_id: str, customer_id: str, *, first: bool) -> RedemptionOrder | None:
        """The redemption as it is; None while nobody can say, once it was seen."""

        async def look(connection: Connection) -> RedemptionOrder:
            return owned(await find_redemption(connection, redemption_id), redemption_id, customer_id)

        if not first:
            return await self._edge.seen(look, 0.0)
        async with self._edge.read() as connection:
            return await look(connection)

    def _look(self) -> None:
        """Have somebody look for what other processes do."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._looking())

    async def _looking(self) -> None:
        while self._followed:
            await asyncio.sleep(LOOK_SECONDS)
            ids = list(self._followed)
            for first in range(0, len(ids), TOGETHER_MAX):
                await self._looked_at(ids[first : first + TOGETHER_MAX])

    async def _looked_at(self, ids: list[str]) -> None:
        """Wake who watches one of these that has changed; in an outage nobody, and it is looked again."""
        versions = await self._edge.seen(lambda connection: versions_of(connection, ids), 0.0)
        for redemption_id, version in (versions or {}).items():
            followed = self._followed.get(redemption_id)
            if followed is not None and version > followed.version:
                followed.version = version
                for watcher in followed.watchers:
                    watcher.set()
