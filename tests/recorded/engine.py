"""The only file of this folder that knows the inside of the engine: how services are built and asked to decide.

A refactoring adapts these imports and lines; the chapters speak protobuf, and the fixture is never touched by it.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.card_redemption.__main__ import SERVICE as CARD_REDEMPTION
from services.credit_ledger.__main__ import SERVICE as CREDIT_LEDGER
from services.kernel.coordination import Definitions
from services.kernel.errors import Internal, Undecodable
from services.kernel.messages import Message, TimerDue
from services.order.__main__ import SERVICE as ORDER
from services.runtime.ground.migrations import migrate
from services.runtime.ground.postgres import connect_lane, open_pool
from services.runtime.ground.records import Outbound
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.kafka.incoming import read
from services.runtime.lanes.batch import Batch
from services.runtime.lanes.business import Business
from services.runtime.lanes.item import Item, RecordPlace
from services.runtime.rpc.edge import Edge
from services.runtime.rpc.keeping import Keeper
from services.runtime.rpc.operations import OperationsServicer
from services.runtime.rpc.server import RpcServer
from services.runtime.rpc.watching import Watchers
from services.runtime.service import Service
from services.runtime.stored import parked, timers
from services.runtime.stored.inbox import Answered
from services.runtime.stored.outbox import Outlet
from services.runtime.stored.sagas import saga_table
from services.runtime.stored.steps import look_for
from tests.clocks import StillClock
from tests.recorded.records import Record
from tests.services.reading import reading

PARTITIONS = 4
FRESH_ID_STEP = 0x1000
"""Fresh ids are counted, one range for each service."""

SERVICES = (CREDIT_LEDGER, CARD_REDEMPTION, ORDER)
"""In the order in which they are started: the order service asks the credit ledger for previews."""


@dataclass(slots=True)
class Queue:
    """Stands for the lanes of one service, its edge and its operators: calls wait here until a batch takes them."""

    fresh_ids: Callable[[], str]
    calls: list[Item] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    queued: int = 0
    worked_at: float = 0.0
    unpublished: int = 0
    actions: Sequence[object] = ()

    def submit(
        self, message: Message, body_hash: bytes, seconds: float, background: bool
    ) -> "asyncio.Future[Answered]":
        """Take a call, under a fresh id that is the same in every telling."""
        answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        item = Item(
            replace(message, fresh_id=self.fresh_ids()), answer=answer, body_hash=body_hash, background=background,
        )
        self.calls.append(item)
        self.arrived.set()
        return answer

    def alive(self) -> Sequence[int]:
        """No lane has an id of its own here: everything in the outbox counts as left behind."""
        return ()

    async def lag(self) -> int:
        """Nothing waits in Kafka."""
        return 0


class Engine:
    """One service on its own database: decides batches, answers calls over gRPC, performs actions."""

    def __init__(self, service: Service, settings: Settings, clock: StillClock, number: int) -> None:
        self.name = service.name
        self.inbound = service.inbound
        self.port = 0
        self._service, self._settings, self._clock = service, settings, clock
        self._next_fresh_id = number * FRESH_ID_STEP**3
        self._next_seq = 1
        self.queue = Queue(self._fresh_id)
        self._perform = service.perform(settings, reading(settings.dsn)) if service.perform else None
        tables = [*service.tables, *([saga_table(service.definitions)] if service.definitions else [])]
        outbound = Outbound(service.name, service.codec, settings.partitions)
        self._business = Business(
            tables, service.rules, service.timers, service.codec, outbound, settings.partitions,
            keep_records=service.recording.keep if service.recording else None,
        )
        self.connection: Connection

    async def start(self, stack: AsyncExitStack) -> None:
        """Bring the database up to date and serve; what was opened is closed with the stack."""
        await migrate(self._settings.dsn, [self._service.migrations])
        self.connection = await connect_lane(self._settings)
        stack.push_async_callback(self.connection.close)
        pool = await open_pool(self._settings)
        stack.push_async_callback(pool.close)
        server = RpcServer(self._settings)
        # nobody is woken: the story watches only what has ended
        watchers = Watchers(look_for(self._service.definitions or Definitions(), self._service.shown), pool.own)
        edge = Edge(
            self._settings, self._clock, self.queue, self._service.codec, pool, watchers, Keeper(pool.own)
        )
        for servicer in (*(build(edge) for build in self._service.servicers), OperationsServicer(edge, self.queue)):
            server.add(servicer)
        self.port = await server.start()
        stack.push_async_callback(server.stop)

    def received(self, record: Record, offset: int) -> Item:
        """A record as it comes from its topic."""
        place = RecordPlace(record.topic, record.partition, offset, list(record.headers), record.payload)
        try:
            return Item(read(self._service.codec, record.key.encode(), record.headers, record.payload), record=place)
        except Undecodable as error:
            return Item(Message(id="", key=record.key, body=None), record=place, fault=error)

    async def due(self) -> list[Item]:
        """The timers that are due, those of sagas first."""
        partitions = range(PARTITIONS)
        found = [
            message for sagas in (True, False)
            for message in await timers.find_due(self.connection, partitions, self._clock, 4096, sagas=sagas)
        ]
        return [Item(message) for message in found]

    async def decide(self, items: Sequence[Item]) -> list[Item]:
        """One transaction with these messages; answers what comes again: busy ones, and reports of actions."""
        aside = await parked.keys(self.connection)
        batch = Batch(self._business, items, self._clock, aside)
        async with self.connection.transaction():
            await batch.run(self.connection)
            await batch.save(self.connection, "", Outlet(1, self._next_seq))
        effects = batch.effects
        self._next_seq += len(batch.encoded.outgoing)
        for item, answered in batch.encoded.answers:
            assert item.answer is not None
            item.answer.set_result(answered)
        for item, error in effects.faulty:
            if item.answer is not None:
                item.answer.set_exception(Internal("INTERNAL", "the request could not be decided"))
            elif item.record is None:
                raise error
        again = [self._without_place(item) for item, _ in effects.busy if not isinstance(item.message.body, TimerDue)]
        return again + [report for action in effects.actions if (report := await self._performed(action)) is not None]

    async def _performed(self, action: object) -> Item | None:
        assert self._perform is not None
        report = await self._perform(action)
        return None if report is None else Item(replace(report, fresh_id=self._fresh_id()))

    def _without_place(self, item: Item) -> Item:
        item.record = None
        return item

    def _fresh_id(self) -> str:
        self._next_fresh_id += 1
        return f"{self._next_fresh_id:032x}"


def engines(
    dsns: Mapping[str, str], clock: StillClock, targets: Mapping[str, str]
) -> Iterator[Engine]:
    """The three services on these databases, one after the other; `targets` may grow meanwhile (SETTLE_*)."""
    for number, service in enumerate(SERVICES, start=1):
        settings = Settings(
            service.name, dsn=dsns[service.name], clock="manual", partitions=PARTITIONS, reflection=False,
            idle_session_timeout_seconds=0, drain_seconds=0.1, environ=dict(targets),
        )
        yield Engine(service, settings, clock, number)


def manual_clock(at: datetime) -> StillClock:
    """A clock that stands still until it is set."""
    return StillClock(at)
