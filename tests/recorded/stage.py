"""Three services side by side: what one sends another gets, when and in which order the story wants it.

Time stands still until it is moved; due timers fire on the way, the earliest first.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from tests.recorded.bank import Bank
from tests.recorded.engine import Engine, engines, manual_clock
from tests.recorded.records import EVENTS, Outbox, Record

NAMES = ("order", "credit_ledger", "card_redemption")
ROUNDS_MAX = 200
QUIET_SECONDS_MAX = 20.0


@dataclass
class Stage:
    """`deliver` hands over what was sent until nothing is under way; `pass_to` lets time pass."""

    clock: Any  # Any: the runtime's manual clock
    bank: Bank
    engines: dict[str, Engine] = field(default_factory=dict)
    twice: bool = False
    """Whether every record comes twice."""
    singly: bool = False
    """Whether every record gets a transaction of its own."""
    held: Callable[[Record], bool] | None = None
    """Which records do not arrive for now."""
    back: list[Record] = field(default_factory=list)
    sent: list[Record] = field(default_factory=list)
    """All that ever left a service for another."""
    _outboxes: dict[str, Outbox] = field(default_factory=dict)
    _waiting: dict[str, list[Any]] = field(default_factory=dict)  # Any: the runtime's items
    _offsets: Counter[tuple[str, int]] = field(default_factory=Counter)

    @property
    def now(self) -> datetime:
        """The present instant."""
        now: datetime = self.clock.at
        return now

    def join(self, engine: Engine) -> None:
        """Take a service in."""
        self.engines[engine.name] = engine
        self._outboxes[engine.name] = Outbox(engine.connection)
        self._waiting[engine.name] = []

    # calls -----------------------------------------------------------------------------------------------------------

    async def answer(self, call: Awaitable[Any]) -> Any:
        """The answer of a call, whose decision and all that follows from it is made meanwhile."""
        task = asyncio.ensure_future(call)
        await self._until_quiet(task)
        return await task

    async def together(self, name: str, *calls: Awaitable[Any]) -> list[Any]:
        """The answers of calls that one transaction of this service decides, in this order."""
        queue, tasks = self.engines[name].queue, []
        for number, call in enumerate(calls, start=1):
            tasks.append(asyncio.ensure_future(call))
            async with asyncio.timeout(QUIET_SECONDS_MAX):
                while len(queue.calls) < number:
                    queue.arrived.clear()
                    await queue.arrived.wait()
        for task in tasks:
            await self._until_quiet(task)
        return [await task for task in tasks]

    async def begin(self, name: str, call: Awaitable[Any]) -> "asyncio.Future[Any]":
        """A call that this service has decided, or found busy, while all else stands still."""
        task, queue = asyncio.ensure_future(call), self.engines[name].queue
        async with asyncio.timeout(QUIET_SECONDS_MAX):
            while not queue.calls:
                queue.arrived.clear()
                await queue.arrived.wait()
        await self._decide(name, self._calls(name))
        return task

    async def _until_quiet(self, task: "asyncio.Future[Any]") -> None:
        """Decide what the call asks for until it is answered; deliver when it waits for the others."""
        async with asyncio.timeout(QUIET_SECONDS_MAX):
            while not task.done():
                arrived = [asyncio.ensure_future(engine.queue.arrived.wait()) for engine in self.engines.values()]
                await asyncio.wait([task, *arrived], return_when=asyncio.FIRST_COMPLETED)
                for waiter in arrived:
                    waiter.cancel()
                for name, engine in self.engines.items():
                    engine.queue.arrived.clear()
                    if engine.queue.calls:
                        await self._decide(name, self._calls(name))
                if any(self._waiting.values()):
                    await self.deliver()

    def _calls(self, name: str) -> list[Any]:
        queue = self.engines[name].queue
        taken, queue.calls = queue.calls, []
        return taken

    # records ---------------------------------------------------------------------------------------------------------

    async def deliver(self) -> None:
        """Hand over what was sent, and what that causes, and let busy messages try again, until nothing moves."""
        for _ in range(ROUNDS_MAX):
            records = [record for record in await self._collected() if not self._held_back(record)]
            tried = sum(map(len, self._waiting.values()))
            for name in NAMES:
                again, self._waiting[name] = self._waiting[name], []
                await self._arrive(name, [record for record in records if record.service == name], again)
            if not records and sum(map(len, self._waiting.values())) >= tried:
                return
        raise AssertionError("deliveries without an end")

    async def release(self, *records: Record) -> None:
        """Let these arrive after all (without any: all that were held back, in their order), and what they cause."""
        self.held, chosen = None, list(records or self.back)
        self.back = [record for record in self.back if record not in chosen]
        for record in chosen:
            await self._arrive(record.service, [record], [])
        await self.deliver()

    async def arrive(self, *records: Record) -> None:
        """Let records arrive in one transaction of their service, and nothing else."""
        await self._arrive(records[0].service, list(records), [])

    async def _collected(self) -> list[Record]:
        found = [record for name in NAMES for record in await self._outboxes[name].more()]
        found = [record for record in found if record.stream != EVENTS]
        self.sent += found
        return found

    def _held_back(self, record: Record) -> bool:
        back = self.held is not None and self.held(record)
        if back:
            self.back.append(record)
        return back

    async def _arrive(self, name: str, records: list[Record], again: list[Any]) -> None:
        engine = self.engines[name]
        came = [record for record in records for _ in range(2 if self.twice else 1)]
        items = again + [engine.received(record, self._offset(record)) for record in came]
        if self.singly:
            for item in items:
                await self._decide(name, [item])
        elif items:
            await self._decide(name, items)

    def _offset(self, record: Record) -> int:
        self._offsets[record.topic, record.partition] += 1
        return self._offsets[record.topic, record.partition]

    async def _decide(self, name: str, items: list[Any]) -> None:
        self._waiting[name] += await self.engines[name].decide(items)

    # time ------------------------------------------------------------------------------------------------------------

    async def pass_to(self, at: datetime) -> None:
        """Move the clock; what is due on the way happens at its own instant, and what that causes."""
        met: set[tuple[str, str, datetime]] = set()
        while (due := await self._next_due(at, met)) is not None:
            self.clock.move(max(due, self.now))
            for name, engine in self.engines.items():
                if items := await engine.due():
                    await self._decide(name, items)
            met |= await self._due_now()
            await self.deliver()
        self.clock.move(at)

    async def wait(self, **duration: float) -> None:
        """`pass_to` so much later."""
        await self.pass_to(self.now + timedelta(**duration))

    async def _next_due(self, until: datetime, met: set[tuple[str, str, datetime]]) -> datetime | None:
        found = [key[2] for engine in self.engines.values() for key in await _timers(engine, until) if key not in met]
        return min(found, default=None)

    async def _due_now(self) -> set[tuple[str, str, datetime]]:
        """What stays due although it was tried: it waits for something else."""
        return {key for engine in self.engines.values() for key in await _timers(engine, self.now)}


async def _timers(engine: Engine, until: datetime) -> list[tuple[str, str, datetime]]:
    rows = await engine.connection.fetch(
        "select kind, key, due_at from timers where due_at <= $1 order by due_at, kind, key", until
    )
    return [(row[0], row[1], row[2]) for row in rows]


@asynccontextmanager
async def stage(dsn: str, prefix: str, at: datetime) -> AsyncIterator[Stage]:
    """A stage on fresh databases of the server at `dsn`, whose names begin with `prefix`."""
    dsns = await _databases(dsn, prefix)
    async with AsyncExitStack() as stack:
        bank = Bank()
        targets = {"SETTLE_ACQUIRER_TARGET": f"127.0.0.1:{await bank.start()}"}
        stack.push_async_callback(bank.stop)
        clock = manual_clock(at.astimezone(UTC))
        built = Stage(clock, bank)
        for engine in engines(dsns, clock, targets):
            await engine.start(stack)
            targets[f"SETTLE_{engine.name.upper()}_TARGET"] = f"127.0.0.1:{engine.port}"
            built.join(engine)
        yield built


async def _databases(dsn: str, prefix: str) -> dict[str, str]:
    admin = await asyncpg.connect(f"{dsn}/postgres")
    for name in NAMES:
        await admin.execute(f'drop database if exists "{prefix}_{name}" with (force)')
        await admin.execute(f'create database "{prefix}_{name}"')
    await admin.close()
    return {name: f"{dsn}/{prefix}_{name}" for name in NAMES}
