"""A service on PostgreSQL that is asked what its twin in memory was asked, and compared with it table by table."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from services.kernel.decision import Aggregate
from services.kernel.notices import Notice
from services.runtime.ground.codec import Codec, Sealed
from services.runtime.ground.migrations import migrate
from services.runtime.ground.postgres import connect_lane
from services.runtime.ground.records import Outbound
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.lanes.batch import Batch
from services.runtime.lanes.business import Business
from services.runtime.lanes.deciding import COLLISIONS
from services.runtime.lanes.item import Item
from services.runtime.service import Service
from services.runtime.stored.outbox import Outlet
from services.runtime.stored.sagas import saga_table
from tests.clocks import StillClock
from tests.services.equivalence.heard import Heard, Remembering

PARTITIONS = 4
_EMPTIED = """select string_agg(format('%I', table_name), ', ') from information_schema.tables
              where table_schema = 'public' and table_type = 'BASE TABLE' and table_name <> 'schema_migrations'"""


class CommitFailed(Exception):
    """The server never made it true."""


class Tables:
    """The service on two connections of one database: the other one is a process that decides the same."""

    def __init__(self, service: Service, dsn: str) -> None:
        self.name = service.name
        self._service, self._dsn = service, dsn
        sagas = [saga_table(service.definitions)] if service.definitions else []
        outbound = Outbound(service.name, service.codec, PARTITIONS)
        self._business = Business(
            [*service.tables, *sagas], service.rules, service.timers, service.codec, outbound, PARTITIONS,
            keep_records=service.recording.keep if service.recording else None,
        )
        self._next_seq = 1
        self.committed = 0
        self.collisions = 0
        self._own: Connection
        self._other: Connection

    async def open(self) -> None:
        """Bring the database up to date, and connect."""
        await migrate(self._dsn, [self._service.migrations])
        settings = Settings(self.name, dsn=self._dsn, partitions=PARTITIONS, idle_session_timeout_seconds=0)
        self._own, self._other = await connect_lane(settings), await connect_lane(settings)

    async def empty(self) -> None:
        """Nothing is stored."""
        await self._own.execute("set session_replication_role = replica")
        await self._own.execute(f"truncate {await self._own.fetchval(_EMPTIED)}")
        await self._own.execute("set session_replication_role = default")
        self._next_seq = 1

    async def close(self) -> None:
        """Disconnect."""
        await self._own.close()
        await self._other.close()

    # -- three ways of deciding the same messages

    async def decide(self, heard: Sequence[Heard]) -> None:
        """In one transaction."""
        await self._commit(self._own, heard)

    async def fail(self, heard: Sequence[Heard]) -> None:
        """In one that comes to nothing."""
        with suppress(CommitFailed):
            await self._commit(self._own, heard, fails=True)

    async def collide(self, heard: Sequence[Heard]) -> None:
        """In two at a time: the second waits for the first, and finds what that made, or collides with it."""
        other = asyncio.ensure_future(self._commit(self._other, heard))
        results = await asyncio.gather(self._commit(self._own, heard), other, return_exceptions=True)
        lost = [result for result in results if isinstance(result, BaseException)]
        self.collisions += len(lost)
        for error in lost:
            if len(lost) == len(results) or not isinstance(error, COLLISIONS):
                raise error

    async def _commit(self, connection: Connection, heard: Sequence[Heard], fails: bool = False) -> None:
        items = [Item(each.arrived.message, body_hash=each.arrived.body_hash) for each in heard]
        batch = Batch(self._business, items, StillClock(heard[0].at))
        seq = self._next_seq
        self._next_seq += 100
        async with connection.transaction():
            await batch.run(connection)
            await batch.save(connection, "", Outlet(1, seq))
            if batch.effects.faulty:
                raise batch.effects.faulty[0][1]
            if fails:
                raise CommitFailed
        self.committed += 1

    # -- compared

    async def differences(self, world: Remembering) -> list[str]:
        """What of the tables is not as the world in memory has it."""
        found = [
            difference for kind in {kind for kind, _ in world.rows} for difference in await self._of_rows(world, kind)
        ]
        for name, stored, kept in (
            ("answers", await self._pairs("select message_id, verdict from inbox"),
             Counter((key, answer.verdict.value) for key, answer in world.answers.items())),
            ("timers", await self._pairs("select kind, key, root, due_at from timers"),
             Counter((t.kind, t.key, t.root, t.due_at) for t in world.timers.values())),
            ("events", await self._pairs("select aggregate_id, sequence from events"),
             Counter((event.aggregate_id, event.sequence) for event in world.events)),
            ("journals", await self._pairs("select op, unit from journals"),
             Counter((journal.op, journal.unit.value) for journal in world.journals)),
        ):
            found += [f"{self.name}: {name}: stored {stored - kept}, not {kept - stored}"] if stored != kept else []
        return found

    async def _pairs(self, query: str) -> Counter[tuple[Any, ...]]:  # Any: whatever the columns hold
        return Counter(tuple(row) for row in await self._own.fetch(query))

    async def _of_rows(self, world: Remembering, kind: type) -> list[str]:
        kept = {key: row for (of, key), row in world.rows.items() if of is kind and getattr(row, "open", True)}
        table = next((table for table in self._business.tables if table.kind is kind), None)
        if table is None:
            return [f"{self.name}: no table of {kind.__name__}"]
        async with self._own.transaction():
            stored = {row.key: row for row in await table.load(self._own, sorted(kept))}
        codec = self._service.codec
        return [
            f"{self.name}: {kind.__name__} {key}: stored {stored.get(key)}, kept {row}"
            for key, row in kept.items() if stored.get(key) != _as_stored(row, codec)
        ]


def _as_stored(row: Aggregate, codec: Codec) -> Aggregate:
    return replace(row, body=Sealed(*codec.encode(row.body))) if isinstance(row, Notice) else row


