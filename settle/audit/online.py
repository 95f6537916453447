"""The auditor of a running engine: round after round over everything, in slices, what changed lately before all else.

A slice looks at a few aggregates in snapshots of their own, the coordinator's first, and lets go of them. A round asks
also what is asked of everything, one question after the other (`by_turns.py`). A finding counts when a
second look in later snapshots finds it again. A round without any is clean, and leaves a mark for `settle verify`, for
each aggregate was looked at since it began, and whatever is written meanwhile is younger than that mark.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from settle.audit import walks
from settle.audit.by_turns import by_turns
from settle.audit.changed import Place, changed, place_of
from settle.audit.findings import SERVICES, Finding, Report
from settle.audit.pacing import Pacing
from settle.audit.snapshots import Connection, World, connect, snapshot_of
from settle.audit.unreadable import shadows
from settle.audit.walks import AT_A_TIME, IDS, KINDS, Range

FRESH_SECONDS = 10.0
"""How often it is looked for what changed lately, at the most."""
ROUND_SECONDS = 60.0
"""A round begins no sooner after the last one began: a small engine's would follow each other for nothing."""
SECOND_LOOK_SECONDS = 2.0
STATEMENT_MS_MAX = 120_000
IDLE_MS_MAX = 60_000
"""A paused auditor loses its snapshots, so that vacuum does not wait for it."""
_SETTINGS = {
    "statement_timeout": str(STATEMENT_MS_MAX), "idle_in_transaction_session_timeout": str(IDLE_MS_MAX),
    "application_name": "settle/auditor", "work_mem": "32MB",
}


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to: the findings of its second looks, and where the databases stood when it began."""

    began_at: datetime
    ended_at: datetime
    findings: Sequence[Finding]
    looked: Mapping[str, int]
    places: Mapping[str, Place]

    @property
    def clean(self) -> bool:
        """Whether every promise holds."""
        return not self.findings


@dataclass(slots=True)
class Online:
    """Looks for ever; `looked` hears of each slice what it found, `ended` of each round. Anything that says that the
    databases are away ends `run`; it may be run again, and begins a new round."""

    dsns: Mapping[str, str]
    pacing: Pacing
    looked: Callable[[Report], None]
    ended: Callable[[Round], Awaitable[None]]
    round_seconds: float = ROUND_SECONDS
    chain_key: bytes = b""
    held: Mapping[str, Place] = field(default_factory=dict)
    """Where the databases stood when they were clean last: nothing that was there then may be gone."""
    _connections: dict[str, Connection] = field(default_factory=dict)
    _seen: dict[str, Place] = field(default_factory=dict)
    _seen_at: float = 0.0

    async def run(self) -> None:
        """Round after round."""
        try:
            for service in SERVICES:
                self._connections[service] = await connect(self.dsns[service], (shadows(service),), **_SETTINGS)
            total = Report()
            while True:
                began = self.pacing.clock()
                await self.ended(await self.round(total))
                total = Report()
                while (left := began + self.round_seconds - self.pacing.clock()) > 0:
                    await self.pacing.sleep(min(left, FRESH_SECONDS))
                    await self._fresh(total)
        finally:
            for connection in self._connections.values():
                connection.terminate()
            self._connections.clear()

    async def round(self, total: Report) -> Round:
        """Everything once, besides what was seen in `total` since the last one."""
        began_at = datetime.now(UTC)
        places = await self._whole(total)
        for service, of in KINDS:
            last = ""
            while walks.walks_of(service, of):
                await self._fresh(total)
                ids = await self._slice(service, of, last)
                if not ids:
                    break
                total.take(await self.look(service, of, ids))
                last = ids[-1]
        ended = Round(began_at, datetime.now(UTC), total.findings, total.looked, places)
        self.held = ended.places if ended.clean else self.held
        return ended

    async def look(self, service: str, of: str, ids: Sequence[str]) -> Report:
        """What is to be said of these aggregates, after a second look if need be."""
        report = await self._once(service, of, ids)
        if report.findings:
            report = await self._again(report, lambda: self._once(service, of, ids))
        self.looked(report)
        return report

    async def _once(self, service: str, of: str, ids: Sequence[str]) -> Report:
        report = Report()
        async with self.pacing.stint(), self._world() as world:
            await walks.walk_ids(world, walks.walks_of(service, of), ids, report)
        return report

    async def _again(self, first: Report, look: Callable[[], Awaitable[Report]]) -> Report:
        """Only what is found twice counts; what was asked and walked is as at first."""
        await self.pacing.sleep(SECOND_LOOK_SECONDS)
        second = await look()
        known = {finding.id for finding in second.findings}
        stands = Report(checks=first.checks, looked=first.looked)
        for check in first.checks:
            both = [finding for finding in first.findings if finding.check == check and finding.id in known]
            stands.add(check, both, min(first.counts.get(check, 0), second.counts.get(check, 0)) if both else 0)
        return stands

    @asynccontextmanager
    async def _world(self) -> AsyncIterator[World]:
        async with AsyncExitStack() as stack:
            for service in SERVICES:
                await stack.enter_async_context(snapshot_of(self._connections[service]))
            yield World(self._connections, quiet=False, chain_key=self.chain_key)

    async def _slice(self, service: str, of: str, last: str) -> list[str]:
        async with self.pacing.stint():
            return await walks.ids_after(World(self._connections, quiet=False), Range(service, of), last)

    async def _whole(self, total: Report) -> Mapping[str, Place]:
        """What is asked of everything; answers where the databases stood. What was found is asked for again, alone."""
        report = Report()
        async with by_turns(self.dsns, self.pacing, self.chain_key, _SETTINGS) as asked:
            places = await asked.places(self.held, report)
            await asked.ask(report)
        if report.findings:
            report = await self._again(report, partial(self._ask_again, report))
        self.looked(report)
        total.take(report)
        return places

    async def _ask_again(self, first: Report) -> Report:
        report = Report()
        async with by_turns(self.dsns, self.pacing, self.chain_key, _SETTINGS) as asked:
            await asked.places(self.held, report)
            await asked.ask(report, frozenset(first.counts))
        return report

    async def _fresh(self, total: Report) -> None:
        """Look at what changed since it was last looked for, if that is a while ago."""
        now = self.pacing.clock()
        if self._seen and now - self._seen_at < FRESH_SECONDS:
            return
        async with self.pacing.stint(), self._world() as world:
            places = {service: await place_of(world[service]) for service in SERVICES}
            chosen = await changed(world, self._seen) if self._seen else None
        self._seen, self._seen_at = places, now
        for (service, of), ids in (chosen or {}).items():  # None: so much that the round itself gets to it
            await self._look_at(service, of, sorted(ids), total)

    async def _look_at(self, service: str, of: str, ids: Sequence[str], total: Report) -> None:
        for first in range(0, len(ids) if walks.walks_of(service, of) else 0, AT_A_TIME):
            some = ids[first : first + AT_A_TIME]
            rows = await self._connections[service].fetch(
                f"select id from {IDS[service][of]} where id = any($1::text[]) order by id", some
            )
            if rows:
                total.take(await self.look(service, of, [row["id"] for row in rows]))


async def for_ever(online: Online, fault: Callable[[Exception], None], pause_seconds: float = 2.0) -> None:
    """Run it again whenever it ended: a database that is away comes back."""
    while True:
        try:
            await online.run()
        except Exception as error:  # whatever ended it is told, and it begins anew; it may stop nobody else's work
            fault(error)
        await asyncio.sleep(pause_seconds)
