"""Steps of sagas for those who watch or wait: each is told with what was committed, and nobody reads for himself.

What this process commits comes from memory. What another process commits is looked for here, for everybody at once, on
a connection that no reader can take.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import structlog

from services.kernel.decision import Aggregate, Known
from services.kernel.effects import A as Arrival
from services.kernel.effects import Effects
from services.kernel.saga import WAKE, Run
from services.runtime.ground.postgres import Pool
from services.runtime.rpc.errors import passes
from services.runtime.stored.steps import Look, Step

TICK_SECONDS = 0.05
"""How often it is seen whose turn it is to be looked for."""
LOOK_SECONDS_MIN, LOOK_SECONDS_MAX, LOOK_GROWTH = 0.1, 5.0, 1.5
"""How long until a saga is looked for: at first, at most, and by how much longer each time in which nothing came."""
TOGETHER_MAX = 1_000
"""So many sagas are looked for by one statement."""
OUTAGE_SECONDS = 0.5
"""How long it waits before it asks a database again that is away."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Watched:
    """What is known of one saga, and who wants to know more. `version` is the least that is news to somebody."""

    version: int
    wait_seconds: float = LOOK_SECONDS_MIN
    look_at: float = 0.0
    step: Step | None = None
    missing: bool = False
    error: Exception | None = None
    watchers: set[asyncio.Event] = field(default_factory=set)

    def tell(self) -> None:
        for event in self.watchers:
            event.set()


class Watchers:
    """Who waits for what, in one process; its task lives as long as somebody watches a saga."""

    def __init__(self, look: Look, pool: Pool) -> None:
        self._look = look
        self._pool = pool
        self._watched: dict[str, _Watched] = {}
        self._fresh: set[str] = set()
        self._came = asyncio.Event()
        self._scan_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._keys: dict[str, set[asyncio.Event]] = {}

    @property
    def watched(self) -> int:
        """How many sagas somebody watches."""
        return len(self._watched)

    # who watches -----------------------------------------------------------------------------------------------------

    async def watch(self, saga_id: str, since: int = 0) -> AsyncGenerator[Step, None]:
        """Each newer step than `since` until the saga's end, the present one first; none for an unknown saga.

        Steps that follow each other at once may be told as one.
        """
        event, seen = asyncio.Event(), since
        watched = self._join(saga_id, since, event)
        try:
            while True:
                event.clear()
                if watched.error is not None:
                    raise watched.error
                step = watched.step
                if step is not None and step.run.version > seen:
                    seen = step.run.version
                    yield step
                    if step.run.terminal:
                        return
                    continue
                if watched.missing:
                    return
                await event.wait()
        finally:
            watched.watchers.discard(event)
            if not watched.watchers and self._watched.get(saga_id) is watched:
                del self._watched[saga_id]

    def _join(self, saga_id: str, since: int, event: asyncio.Event) -> _Watched:
        watched = self._watched.get(saga_id)
        if watched is None or watched.error is not None or watched.missing:
            watched = self._watched[saga_id] = _Watched(since)
            self._look_soon(saga_id)
        elif watched.look_at > 0 or since < watched.version:  # what is known may be as old as the last look
            if watched.step is None:
                watched.version = min(watched.version, since)
            watched.wait_seconds = LOOK_SECONDS_MIN
            self._look_soon(saga_id)
        watched.watchers.add(event)
        return watched

    @contextmanager
    def changes(self, key: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever this process commits a change of the row with this key."""
        event = asyncio.Event()
        events = self._keys.setdefault(key, set())
        events.add(event)
        try:
            yield event
        finally:
            events.discard(event)
            if not events and self._keys.get(key) is events:
                del self._keys[key]

    # what this process commits ---------------------------------------------------------------------------------------

    def committed(self, effects: Effects[Arrival], known: Known) -> None:
        """Tell those who wait for what a batch changed; called after its commit only."""
        if self._keys:
            for rows in effects.dirty.values():
                for key in self._keys.keys() & rows.keys():
                    for event in self._keys[key]:
                        event.set()
        runs = effects.dirty.get(Run)
        if runs and (moved := self._watched.keys() & runs.keys()):
            rows_under = known.under({runs[saga_id].root for saga_id in moved})
            for saga_id in moved:
                run = runs[saga_id]
                assert isinstance(run, Run)
                self._step(run, rows_under.get(run.root, ()), effects)

    def _step(self, run: Run, rows: tuple[Aggregate, ...], effects: Effects[Arrival]) -> None:
        watched, timer = self._watched[run.id], effects.timers.get((WAKE, run.id))
        if run.terminal:
            self._take(watched, Step(run, rows))
        elif timer is not None:
            self._take(watched, Step(run, rows, timer.due_at))
        elif watched.step is not None:
            self._take(watched, Step(run, rows, watched.step.wake_at))
        else:  # it is woken when it was to be before, which nobody here knows
            self._look_soon(run.id)

    def _take(self, watched: _Watched, step: Step) -> None:
        if watched.step is None or step.run.version > watched.step.run.version:
            watched.step = step
            watched.version = step.run.version
            self._later(watched, LOOK_SECONDS_MIN)
            watched.tell()

    # what another process commits ------------------------------------------------------------------------------------

    def _look_soon(self, saga_id: str) -> None:
        self._fresh.add(saga_id)
        self._came.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look_regularly())

    @staticmethod
    def _later(watched: _Watched, seconds: float) -> None:
        watched.wait_seconds = seconds
        watched.look_at = asyncio.get_running_loop().time() + seconds

    async def _look_regularly(self) -> None:
        while self._watched:
            for part in self._due():
                await self._look_for(part)
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._came.wait()

    def _due(self) -> list[list[str]]:
        now = asyncio.get_running_loop().time()
        fresh, self._fresh = self._fresh, set()
        self._came.clear()
        due = list(fresh)
        if now >= self._scan_at:
            self._scan_at = now + TICK_SECONDS
            due += [key for key, watched in self._watched.items() if 0 < watched.look_at <= now and key not in fresh]
        return [due[n : n + TOGETHER_MAX] for n in range(0, len(due), TOGETHER_MAX)]

    async def _look_for(self, saga_ids: Sequence[str]) -> None:
        """Look for all of them; if one cannot be read, only who watches that one hears of it."""
        asked = {saga_id: watched for saga_id in saga_ids if (watched := self._watched.get(saga_id)) is not None}
        if not asked:
            return
        try:
            async with self._pool.acquire() as connection:
                found = await self._look(connection, {saga_id: each.version for saga_id, each in asked.items()})
        except Exception as error:  # an outage ends; a saga that cannot be read is found by halving
            if passes(error):
                for watched in asked.values():
                    self._later(watched, OUTAGE_SECONDS)
            elif len(asked) == 1:
                log.error("saga_unreadable", saga=saga_ids[0], exc_info=error)
                (watched,) = asked.values()
                watched.error = error
                watched.tell()
            else:
                ids = list(asked)
                await self._look_for(ids[: len(ids) // 2])
                await self._look_for(ids[len(ids) // 2 :])
            return
        for watched in asked.values():
            self._later(watched, min(watched.wait_seconds * LOOK_GROWTH, LOOK_SECONDS_MAX))
        for step in found.newer:
            self._take(asked[step.run.id], step)
        for saga_id in found.missing:
            asked[saga_id].missing = True
            asked[saga_id].tell()
