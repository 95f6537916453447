"""What is asked of everything, beside a working engine: one question after the other, each in snapshots of its own.

So none holds vacuum back for longer than it takes itself, and the pause that it owes follows at once. What several
questions need beside a book is filled again for those that need it together, in their snapshots; the settlements that
have ended are copied before, page by page, for they never change again and every later snapshot of a book has them.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from settle.audit import asking, auditor, beside, unreadable
from settle.audit.changed import Place, places_of
from settle.audit.findings import BOOKS, SERVICES, Check, Report
from settle.audit.gone import GONE, gone
from settle.audit.pacing import Pacing
from settle.audit.snapshots import COPIED_ROWS, Connection, World, connect, copy, roll_up, snapshot_of
from settle.audit.spread import REDEMPTIONS, SETTLEMENTS, Copied

Question = Callable[[World, Report], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ByTurns:
    """All questions, some of them, at the pace of a working engine; chains are under the key."""

    pacing: Pacing
    connections: Mapping[str, Connection]
    chain_key: bytes = b""

    async def places(self, held: Mapping[str, Place], report: Report) -> Mapping[str, Place]:
        """Where the databases stand; what was there when they were clean last may not be gone."""
        async with self._turn(report) as world:
            places = await places_of(world)
            report.add(GONE, await gone(world, held))
        return places

    async def ask(self, report: Report, only: Collection[str] = ()) -> None:
        """Ask every check, or `only` those of these ids."""
        for copied in (SETTLEMENTS, REDEMPTIONS):
            await self._copy(copied, report)
        for question in _questions(only):
            async with self._turn(report) as world:
                await question(world, report)

    async def _copy(self, copied: Copied, report: Report) -> None:
        """The settlements of a coordinator that have ended, in pages by their ids."""
        last: str | None = ""
        while last is not None:
            async with self._turn(report) as world:
                ids = await world[copied.of].fetch(_PAGE, last)
                if ids:
                    await copy(world, _page(copied, last, ids[-1]["id"]), BOOKS)
                last = ids[-1]["id"] if len(ids) == COPIED_ROWS else None
        async with self._turn(report) as world:
            for book in BOOKS:
                await world[book].execute(f"analyze {copied.table}")

    @asynccontextmanager
    async def _turn(self, report: Report) -> AsyncIterator[World]:
        async with self.pacing.stint(), AsyncExitStack() as stack:
            for service in SERVICES:
                await stack.enter_async_context(snapshot_of(self.connections[service]))
            world = World(self.connections, quiet=False, chain_key=self.chain_key)
            yield world
            report.add(unreadable.UNREADABLE, world.unreadable)


@asynccontextmanager
async def by_turns(
    dsns: Mapping[str, str], pacing: Pacing, chain_key: bytes, settings: Mapping[str, str]
) -> AsyncIterator[ByTurns]:
    """Sessions with room beside each database for what its checks read."""
    connections: dict[str, Connection] = {}
    try:
        for service in SERVICES:
            connections[service] = await connect(dsns[service], beside.OF_BOOK[service], **settings)
        yield ByTurns(pacing, connections, chain_key)
    finally:
        for connection in connections.values():
            connection.terminate()


_PAGE = f"""
select id from saga_records where phase in ('DONE', 'ABORTED') and id > $1 order by id limit {COPIED_ROWS}
"""


def _page(copied: Copied, last: str, until: str) -> Copied:
    """The settlements behind an id, up to another; ids are the engine's own, of letters and digits."""
    return copied._replace(query=f"{copied.query} and id > {_quoted(last)} and id <= {_quoted(until)}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _questions(only: Collection[str]) -> list[Question]:
    """Checks that read the same roll-ups together, every other alone."""
    each = [
        (service, _needs(check), check) for check in auditor.CHECKS for service in check.where
        if not only or check.id in only
    ]
    alone = [partial(_ask, service, (check,), ()) for service, needs, check in each if not needs]
    rolled = sorted(((service, needs, check) for service, needs, check in each if needs), key=lambda it: it[:2])
    together = [
        partial(_ask, service, tuple(check for _, _, check in some), needs)
        for (service, needs), some in groupby(rolled, key=lambda it: it[:2])
    ]
    across = [name for name in auditor.CROSS_CHECKS if not only or name in only]
    balanced = [name for name in across if name in auditor.BALANCED]
    return [
        *alone, *together, *(partial(_ask_across, (name,), False) for name in across if name not in balanced),
        *([partial(_ask_across, tuple(balanced), True)] if balanced else ()),
    ]


def _needs(check: Check) -> tuple[str, ...]:
    """The roll-ups that a check reads."""
    return tuple(table for table in beside.ROLLED_UP if table in check.sql)


async def _ask(service: str, checks: Sequence[Check], needs: Sequence[str], world: World, report: Report) -> None:
    for table in needs:
        await _roll_up(world, service, table)
    for check in checks:
        await asking.ask(world, check, service, report)


async def _ask_across(names: Sequence[str], balanced: bool, world: World, report: Report) -> None:
    for book in BOOKS if balanced else ():
        await _roll_up(world, book, beside.BALANCED)
    for name in names:
        await asking.ask_across(world, name, auditor.CROSS_CHECKS[name], report)


async def _roll_up(world: World, service: str, table: str) -> None:
    await world[service].execute(f"delete from {table}")
    await roll_up(world, service, beside.ROLLED_UP[table])
    await world[service].execute(f"analyze {table}")
