"""The runtime's tables on PostgreSQL, asked the way the model is asked: plain calls, plain answers."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import asyncpg

from services.kernel.decision import Timer
from services.runtime.ground.migrations import migrate
from services.runtime.ground.postgres import connect_lane
from services.runtime.ground.records import Outgoing
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.ground.writing import write
from services.runtime.stored import inbox, leases, offsets, outbox, parked, timers
from services.runtime.stored.inbox import Answered
from services.runtime.stored.offsets import Beginning
from services.runtime.stored.parked import Parked
from tests.clocks import StillClock
from tests.services.equivalence.model import Collision, TimerKey

TOPIC, PARTITIONS = "settlement.service.commands.v1", 4
NOW = datetime(2026, 3, 10, tzinfo=UTC)
R = TypeVar("R")


class Undone(Exception):
    """The transaction comes to nothing."""


class Runtime:
    """A database, a connection that decides, and one for each lane that lives."""

    def __init__(self, dsn: str) -> None:
        self._runner = asyncio.Runner()
        self._settings = Settings("service", dsn=dsn, partitions=PARTITIONS, idle_session_timeout_seconds=0)
        self._lanes: dict[str, Connection] = {}
        self._own: Connection = self._runner.run(self._opened(dsn))

    def close(self) -> None:
        """Disconnect."""
        self.empty()
        self._run(self._own.close())
        self._runner.close()

    def empty(self) -> None:
        """Nothing is stored, no lane lives."""
        for lane in list(self._lanes):
            self.dies(lane)
        self._run(self._own.execute("truncate inbox, timers, parked, consumed_offsets, outbox, lanes"))

    def undone(self, answers: Mapping[str, Answered], set_timers: Iterable[Timer], cleared: Iterable[TimerKey]) -> None:
        """A transaction that fails at its commit."""

        async def fails() -> None:
            async with self._own.transaction():
                await write(self._own, inbox.save(answers, NOW), *timers.save(set_timers, cleared, PARTITIONS))
                raise Undone

        self._refusable(fails())

    # -- answers and timers

    def save_answers(self, answers: Mapping[str, Answered]) -> None:
        """As the model."""
        self._refusable(write(self._own, inbox.save(answers, NOW)))

    def keep(self, told: Answered) -> Answered:
        """As the model."""
        return self._run(inbox.keep(self._own, told, NOW))

    def amend(self, key: str, told: bytes, ended: bytes) -> dict[str, bytes]:
        """As the model."""
        return self._run(inbox.amend(self._own, [(key, told, ended)]))

    def answers(self, ids: Iterable[str]) -> dict[str, object]:
        """What is stored of these."""
        _, found = self._run(inbox.load(self._own, ids, StillClock(NOW)))
        return {key: answer.stored for key, answer in found.items()}

    def save_timers(self, each: Iterable[Timer], cleared: Iterable[TimerKey]) -> None:
        """As the model."""
        self._run(write(self._own, *timers.save(each, cleared, PARTITIONS)))

    def ensure(self, each: Iterable[Timer]) -> None:
        """As the model."""
        self._run(timers.ensure(self._own, each, PARTITIONS))

    def postpone(self, key: TimerKey, at: datetime) -> None:
        """Let it come later, if it is there."""
        self._run(timers.postpone(self._own, key, at))

    def still_due(self, wanted: Mapping[TimerKey, datetime | None], now: datetime) -> set[TimerKey]:
        """As the model."""
        return self._run(timers.still_due(self._own, wanted, StillClock(now)))[1]

    def due(self, now: datetime, sagas: bool) -> list[tuple[datetime, TimerKey]]:
        """As the model."""
        found = self._run(timers.find_due(self._own, range(PARTITIONS), StillClock(now), 1_000, sagas))
        bodies: list[Any] = [message.body for message in found]  # Any: each is a TimerDue
        return sorted((body.due_at, (body.kind, body.key)) for body in bodies)

    # -- set aside

    def park(self, rows: Sequence[Parked]) -> None:
        """As the model."""
        self._run(parked.save(self._own, rows, NOW))

    def resolve(self, number: int, state: str) -> bool:
        """As the model."""
        row = self._rows("select id from parked order by id")[number][0]
        if state == "DISCARDED":
            return self._run(self._discarded(row))
        return self._run(self._retried(row))

    def lines(self) -> dict[str, int]:
        """As the model: by place, not by id."""
        places = {row[0]: number for number, row in enumerate(self._rows("select id from parked order by id"))}
        return {key: places[row] for key, row in self._run(parked.keys(self._own)).items()}

    def parked(self) -> list[tuple[Any, ...]]:  # Any: whatever the columns hold
        """All of them, in order."""
        return self._rows("select key, message_id, kafka_offset, payload, state from parked order by id")

    # -- offsets

    def start(self, ends: Mapping[int, tuple[int, int]], epoch: str) -> dict[int, Beginning]:
        """As the model."""
        return self._run(offsets.start(self._own, TOPIC, ends, epoch))

    def move_on(self, reached: Mapping[int, int], waiting: Mapping[int, int]) -> None:
        """As the model."""
        self._run(offsets.save(self._own, TOPIC, reached, waiting=waiting))

    def consumed(self) -> dict[int, tuple[Any, ...]]:  # Any: as above
        """How far each partition is, in which epoch, and from where on somebody waits."""
        rows = self._rows("select partition, next_offset, topic_epoch, waiting_from from consumed_offsets")
        return {row[0]: row[1:] for row in rows}

    # -- lanes

    def lives(self, lane: str) -> int:
        """A new lane; its number."""
        connection = self._lanes[lane] = self._run(connect_lane(self._settings))
        return self._run(leases.announce(connection))

    def dies(self, lane: str) -> None:
        """Its connection is gone, and the server has seen it."""
        self._run(self._died(self._lanes.pop(lane)))

    def gain(self, lane: str, partitions: Iterable[int]) -> list[int]:
        """As the model."""
        return sorted(self._run(leases.gain(self._lanes[lane], TOPIC, partitions)))

    def let_go(self, lane: str, partitions: Iterable[int]) -> None:
        """As the model."""
        self._run(leases.let_go(self._lanes[lane], TOPIC, partitions))

    def send(self, number: int, first: int, payloads: Sequence[str]) -> None:
        """Rows of the outbox."""
        records = [Outgoing(TOPIC, 0, "key", [], payload.encode()) for payload in payloads]
        self._run(write(self._own, outbox.Outlet(number, first).save(records)))

    def clear(self, done: Iterable[tuple[int, int]], floors: Mapping[int, int]) -> None:
        """As the model."""
        self._run(outbox.clear(self._own, done, floors))

    def leftovers(self, number: int, limit: int, after: int, but: Sequence[int]) -> list[int]:
        """As the model."""
        return [row.seq for row in self._run(outbox.leftovers(self._own, number, limit, after, but))]

    def buried(self, number: int) -> bool:
        """Whether that lane is dead."""
        return self._run(self._buried(number))

    def forget(self) -> None:
        """As the model."""
        self._run(leases.forget(self._own))

    def lanes(self) -> dict[int, int]:
        """The lanes on record, and how far each is cleared."""
        return dict(self._rows("select lane_id, cleared_seq from lanes"))

    def outbox(self) -> list[tuple[Any, ...]]:  # Any: as above
        """What waits to be published."""
        return self._rows("select lane_id, seq, payload from outbox where lane_id <> 0 order by lane_id, seq")

    # -- on the way there

    def _run(self, coroutine: Coroutine[Any, Any, R]) -> R:  # Any: as its type says
        return self._runner.run(coroutine)

    def _refusable(self, coroutine: Coroutine[Any, Any, object]) -> None:  # Any: as its type says
        try:
            self._run(coroutine)
        except asyncpg.UniqueViolationError as error:
            raise Collision from error
        except Undone:
            return

    def _rows(self, query: str) -> list[tuple[Any, ...]]:  # Any: as above
        return [tuple(row) for row in self._run(self._own.fetch(query))]

    async def _opened(self, dsn: str) -> Connection:
        await migrate(dsn, [])
        return await connect_lane(self._settings)

    async def _retried(self, row: int) -> bool:
        async with self._own.transaction():
            return await parked.retry(self._own, row, PARTITIONS, "why", NOW)

    async def _discarded(self, row: int) -> bool:
        async with self._own.transaction():
            return await parked.discard(self._own, row, "why", NOW)

    async def _buried(self, number: int) -> bool:
        async with self._own.transaction():
            return await leases.bury(self._own, number)

    async def _died(self, connection: Connection) -> None:
        pid = connection.get_server_pid()
        await connection.close()
        async with asyncio.timeout(10):
            while await self._own.fetchval("select count(*) from pg_stat_activity where pid = $1", pid):
                await asyncio.sleep(0.005)
