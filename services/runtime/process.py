"""A service's process: built here from its parts, started in one order and stopped in the other."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

import structlog

from services.kernel.coordination import Definitions
from services.kernel.decision import Timer
from services.kernel.errors import Defect
from services.runtime.chores import Chores
from services.runtime.ground import facts, grants
from services.runtime.ground.clock import Clock, open_clock
from services.runtime.ground.clock_check import ClockCheck, machine_time
from services.runtime.ground.guards import watch_loop
from services.runtime.ground.macs import Verifier
from services.runtime.ground.metrics import serve_metrics
from services.runtime.ground.postgres import open_pool
from services.runtime.ground.records import Outbound, topic
from services.runtime.ground.saving import hold
from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.ground.tables import Connection
from services.runtime.ground.traced import start_tracing
from services.runtime.identity.door import open_door
from services.runtime.kafka import restored, undeliverable
from services.runtime.kafka.producer import SafeProducer
from services.runtime.kafka.publisher import Publisher
from services.runtime.kafka.reader import PartitionReader
from services.runtime.kafka.republishing import Republisher
from services.runtime.lanes.business import Business
from services.runtime.lanes.feed import Feed
from services.runtime.lanes.lane import Lane
from services.runtime.lanes.lanes import Lanes
from services.runtime.lanes.queues import Queues
from services.runtime.measuring import Measuring
from services.runtime.nightly import Nightly
from services.runtime.rpc.edge import Edge
from services.runtime.rpc.keeping import Keeper
from services.runtime.rpc.operations import OperationsServicer
from services.runtime.rpc.refusals import keeping
from services.runtime.rpc.server import RpcServer
from services.runtime.rpc.watching import Watchers
from services.runtime.service import Service
from services.runtime.stored import accepted, timers
from services.runtime.stored.oldest_sagas import OldestSagas
from services.runtime.stored.sagas import saga_table
from services.runtime.stored.steps import look_for

BEGIN_SECONDS_MAX, BEGIN_LOOK_SECONDS = 20.0, 0.05
"""How long a process waits for what its service does at its start, and how often it looks."""

log = structlog.get_logger(__name__)


class Process:
    """The running parts. A task that ends by itself ends the process: the supervisor starts a new one."""

    def __init__(
        self, service: Service, settings: Settings, machine: Callable[[], datetime] = machine_time
    ) -> None:
        self._service = service
        self._clock_check = ClockCheck(machine)
        self._settings = settings
        self._tracer, self._stop_tracing = start_tracing(settings)
        self._server = RpcServer(settings, self._tracer)
        self._producer = SafeProducer(settings)
        self._oldest = OldestSagas()
        self._outbound = Outbound(
            service.name, service.codec, settings.partitions, self._oldest.header, self._tracer
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._begun = False

    async def start(self) -> None:
        """Everything, in the order in which it depends on each other; ready follows the first session of each lane."""
        service, settings = self._service, self._settings
        self._pool = await open_pool(settings)
        async with self._pool.acquire() as connection:
            clock, due = await self._fit(connection)
        self._producer.refuse = partial(undeliverable.set_aside, self._pool.own, seal_key=settings.chain_key)
        self._publisher = Publisher(self._producer, self._pool.own)
        self._watchers = Watchers(look_for(service.definitions or Definitions(), service.shown), self._pool.own)
        perform = service.perform(settings, self._pool.actions.acquire) if service.perform else None
        self._lanes = Lanes(settings, self._publisher, perform, self._watchers.committed)
        self.chores = Chores(service, settings, self._pool.own, self._lanes, self._publisher)
        built = self._build_lanes(clock)
        self._lanes.build(built)
        self._server.shed(self._lanes.check_crowd)
        republisher = Republisher(
            settings, self._outbound, self._producer, self._pool.own, clock, hold=partial(hold, service.tables)
        )
        keeper = Keeper(self._pool.own, settings.chain_key)
        edge, operators = (
            Edge(settings, clock, self._lanes, service.codec, pool, watchers=self._watchers, keeper=keeper)
            for pool in (self._pool, self._pool.operators)
        )
        operations = OperationsServicer(operators, self._lanes, service.switches)
        if service.recording is not None:
            self._server.keep_refusals(keeping(service.recording.refused, clock, self._pool.acquire))
        door = await open_door(settings, service.access, service.owners, self._pool.acquire)
        if door is not None:
            self._server.guard(door)
        for servicer in (*(build(edge) for build in service.servicers), operations):
            self._server.add(servicer)
        self._tasks = [asyncio.create_task(work) for work in (
            *(lane.run() for lane in built), self._publisher.run(), republisher.run(), *self.chores.works(),
            self._announce(), watch_loop(), self._clock_check.run(self._pool.own), self._begin(due),
            Nightly(settings, clock, service.definitions, self._oldest).run(),
            Measuring(self._pool.own, clock, service.definitions is not None, service.open_payments).run(),
            *([door.keys.run()] if door is not None else []),
        )]
        port = await self._listen()
        log.info("listening", port=port, clock=settings.clock, partitions=settings.partitions, lanes=settings.lanes)

    async def _fit(self, connection: Connection) -> tuple[Clock, list[Timer]]:
        """Whether database, role, keys and settings fit each other; its clock, and what is due of what is standing."""
        settings, service = self._settings, self._service
        await self._clock_check.look(connection)
        await grants.check(connection, settings)
        clock = await open_clock(connection, settings.clock)
        await facts.check_settings(connection, settings)
        await restored.check(connection, settings, topic(service.name, service.inbound))
        await accepted.seal(connection, settings.chain_key, settings.accept_unlinked)
        now = await clock.now(connection)
        standing = service.standing(now) if service.standing is not None else ()
        await timers.ensure(connection, standing, settings.partitions)
        return clock, [timer for timer in standing if timer.due_at <= now]

    async def _listen(self) -> int:
        settings = self._settings
        try:
            self._metrics = await serve_metrics(settings.metrics_listen, self._not_ready)
            return await self._server.start()
        except (OSError, RuntimeError) as error:  # RuntimeError: gRPC's word for an address that is taken or not ours
            where = f"SETTLE_LISTEN={settings.listen}, SETTLE_METRICS_LISTEN={settings.metrics_listen}"
            raise SettingsError(f"{where}: nothing can listen there: {error}") from error

    def _build_lanes(self, clock: Clock) -> list[Lane]:
        service, settings = self._service, self._settings
        tables = [*service.tables, *([saga_table(service.definitions)] if service.definitions else [])]
        business = Business(
            tables=tables, rules=service.rules, timers=service.timers, codec=service.codec, outbound=self._outbound,
            partitions=settings.partitions, chain_key=settings.chain_key,
            keep_records=service.recording.keep if service.recording else None, tracer=self._tracer,
            limits={name: most for name in service.limits if (most := settings.limit(name))},
        )
        name, verifier = topic(service.name, service.inbound), Verifier(settings)

        def feed(queues: Queues) -> Feed:
            reader = PartitionReader(settings, name)
            bounds = self._lanes.bounds
            return Feed(
                service.codec, name, reader, self._pool.own, clock=clock, queues=queues,
                most=settings.batch_messages_max, overfull=lambda: bounds.overfull, oldest=self._oldest,
                verifier=verifier,
            )

        return [
            Lane(
                business, settings, clock, topic=name, number=number, feed=feed, publisher=self._publisher,
                on_effects=self._lanes.after_commit, on_loss=self.chores.lane_gone.set,
            )
            for number in range(settings.lanes)
        ]

    async def _begin(self, at_once: Sequence[Timer]) -> None:
        """Wait until what a service does at its start was decided, by whoever holds its partitions: no call comes
        before it. It is given up after a time, for a partition may be away for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(BEGIN_SECONDS_MAX):
                while await self._any_left(at_once):
                    await asyncio.sleep(BEGIN_LOOK_SECONDS)
        self._begun = True
        await asyncio.Event().wait()

    async def _any_left(self, at_once: Sequence[Timer]) -> bool:
        try:
            async with self._pool.own.acquire() as connection:
                return await timers.any_left(connection, at_once)
        except Exception as error:  # it is looked at again
            log.warning("begin_not_seen", error=repr(error))
            return True

    def _not_ready(self) -> str:
        """Why the process is not ready; empty if it is."""
        if not self._lanes.ready:
            return "not every lane has a session"
        return self._clock_check.fault if self._begun else "what it does at its start is not decided"

    async def _announce(self) -> None:
        """Health follows: SERVING while the process is ready."""
        serving = False
        while True:
            if serving is bool(self._not_ready()):
                serving = not serving
                await self._server.set_serving(serving)
            await asyncio.sleep(0.05)

    async def wait(self, stop: asyncio.Event) -> BaseException | None:
        """Until asked to stop (None), or until a task ended that never should."""
        asked = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({asked, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        if asked in done:
            return None
        asked.cancel()
        failed = next(iter(done))
        return failed.exception() or Defect(f"a task ended: {failed.get_name()}")

    async def stop(self) -> None:
        """`finish`, where the process lives on."""
        await self.finish()
        await self._server.stop()

    async def finish(self) -> None:
        """No new calls, finish what was accepted, publish it, then close what was opened; callers that came meanwhile
        hear UNAVAILABLE at the end of it."""
        log.info("stopping")
        await self._server.drain()
        await self._lanes.drain(self._settings.drain_seconds / 2)
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError, Exception):
                await task
        self._metrics.close()
        await self._producer.stop()
        await self._pool.close()
        await asyncio.to_thread(self._stop_tracing)
        log.info("stopped")
        await self._server.turn_away()
