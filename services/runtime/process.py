"""A service's process: built here from its parts, started in one order and stopped in the other."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import structlog

from services.kernel.access import Access
from services.kernel.coordination import Definitions
from services.kernel.decision import Rule, Timer
from services.kernel.errors import Defect
from services.kernel.messages import Message
from services.runtime.ground import facts, grants
from services.runtime.ground.clock import Clock, open_clock
from services.runtime.ground.clock_check import ClockCheck, machine_time
from services.runtime.ground.codec import Codec
from services.runtime.ground.guards import check_process, watch_loop
from services.runtime.ground.logs import configure_logs
from services.runtime.ground.macs import Verifier
from services.runtime.ground.metrics import serve_metrics
from services.runtime.ground.migrations import MigrationsMissing, check_migrated, migrate
from services.runtime.ground.postgres import DatabaseUnavailable, Reading, check_database, open_pool
from services.runtime.ground.records import Outbound, topic
from services.runtime.ground.saving import hold
from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.ground.starting import starting
from services.runtime.ground.tables import Connection, Table
from services.runtime.ground.traced import start_tracing
from services.runtime.ground.values import settle_in
from services.runtime.identity.door import Ownership, open_door
from services.runtime.kafka import restored, undeliverable
from services.runtime.kafka.clients import BrokerUnavailable, check_broker
from services.runtime.kafka.producer import SafeProducer
from services.runtime.kafka.publisher import Publisher, publish_leftovers
from services.runtime.kafka.reader import PartitionReader
from services.runtime.kafka.republishing import Republisher
from services.runtime.lanes.bounds import COUNT_SECONDS
from services.runtime.lanes.business import Business, Recording
from services.runtime.lanes.feed import Feed
from services.runtime.lanes.lane import Lane
from services.runtime.lanes.lanes import Lanes
from services.runtime.lanes.queues import Queues
from services.runtime.measuring import Measuring, OpenPayments
from services.runtime.nightly import Nightly
from services.runtime.rpc.edge import Edge
from services.runtime.rpc.keeping import Keeper
from services.runtime.rpc.operations import OperationsServicer
from services.runtime.rpc.refusals import keeping
from services.runtime.rpc.server import HARD_EXIT_MARGIN_SECONDS, RpcServer, hard_exit_after, leave
from services.runtime.rpc.watching import Watchers
from services.runtime.stored import accepted, timers
from services.runtime.stored.oldest_sagas import OldestSagas
from services.runtime.stored.sagas import saga_table
from services.runtime.stored.steps import Shown, look_for, nothing_shown

SWEEP_SECONDS = 3.0
"""How often the outbox is searched for what dead lanes left behind; it is at once when a lane is seen to be gone."""
SEAL_SECONDS = 1.0
"""How often a permanent record is searched for what is not chained yet."""
BEGIN_SECONDS_MAX, BEGIN_LOOK_SECONDS = 20.0, 0.05
"""How long a process waits for what its service does at its start, and how often it looks."""
MIGRATE = "migrate"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """What a service is made of; its `__main__` writes one of these and calls `run`.

    `inbound` is the stream it consumes: `commands` for a participant, `replies` for a coordinator. `servicers` are
    built with the edge. `perform` does one action and answers the message that reports it. `standing` timers are
    set at the start where they are missing: what a service does day after day, and (due at once) what it does before
    the first call. `shown` reads what the views of its sagas show beside them. `recording` keeps the permanent record
    of what its rules leave for it. `switches` are what its operators may stop, `limits` the settings by
    which its rules go.
    `open_payments` reads what was sent out and is not settled yet, for the metrics.
    `access` is the policy: who may call what; `owners` finds whose its things are.
    """

    name: str
    inbound: str
    tables: Sequence[Table]
    rules: Mapping[type, Rule]
    timers: Mapping[str, Rule]
    codec: Codec
    servicers: Sequence[Callable[[Edge], object]]
    migrations: Path
    definitions: Definitions | None = None
    perform: Callable[[Settings, Reading], Callable[[object], Awaitable[Message | None]]] | None = None
    standing: Callable[[datetime], Sequence[Timer]] | None = None
    shown: Shown = nothing_shown
    recording: Recording | None = None
    open_payments: OpenPayments | None = None
    access: Access | None = None
    owners: Mapping[str, Ownership] = field(default_factory=dict)
    switches: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


def run(service: Service) -> None:
    """Run the service until SIGTERM or SIGINT, or (`python -m services.order migrate`) only bring its database up to
    date; its settings come from the environment. What an operator has to mend (a setting, a server that does not
    answer, a migration that is missing) is one line and `CANNOT_START`."""
    with starting(service.name, DatabaseUnavailable, BrokerUnavailable, MigrationsMissing):
        settings = Settings.from_environ(os.environ, service.name)
        configure_logs(service.name, settings.log_level)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run((_migrate_once if sys.argv[1:] == [MIGRATE] else _serve)(service, settings))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where there is one (5-15 % less CPU per call); it is absent on Windows."""
    if find_spec("uvloop") is None:
        return asyncio.new_event_loop
    import uvloop

    return uvloop.new_event_loop


async def _migrate_once(service: Service, settings: Settings) -> None:
    applied = await _migrate(settings, service.migrations, await check_database(settings))
    log.info("migrated", applied=applied)


async def _serve(service: Service, settings: Settings) -> None:
    check_process()
    settings.refuse_clear_text()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    role = await check_database(settings)
    if settings.migrations == "await":
        await check_migrated(settings.dsn, [service.migrations])
    else:
        await _migrate(settings, service.migrations, role)
    await check_broker(settings, topic(service.name, service.inbound))
    settings.check_identity()
    process = Process(service, settings)
    await process.start()
    settle_in()
    ended = await process.wait(stop)
    with hard_exit_after(settings.drain_seconds + HARD_EXIT_MARGIN_SECONDS):
        await process.finish()
        if ended is not None:
            log.error("task_ended", exc_info=ended)
        leave(0 if ended is None else 1)


async def _migrate(settings: Settings, migrations: Path, role: str) -> Sequence[str]:
    """Bring the database up to date, and what the service's role may do there; answers what was applied."""
    dsn = settings.owner_dsn or settings.dsn
    try:
        applied = await accepted.migrated(dsn, settings.chain_key, lambda: migrate(dsn, [migrations]))
    except asyncpg.InsufficientPrivilegeError as error:
        raise SettingsError(f"SETTLE_OWNER_DSN is needed, for there are migrations to be done: {error}") from error
    if settings.owner_dsn:
        await grants.grant(settings.owner_dsn, role, [migrations])
    return applied


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
        self._topics = undeliverable.topics_known_to(service.name)
        self._oldest = OldestSagas()
        self._outbound = Outbound(
            service.name, service.codec, settings.partitions, self._oldest.header, self._tracer
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._lane_gone = asyncio.Event()
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
            *(lane.run() for lane in built), self._publisher.run(), republisher.run(), self._sweep_regularly(),
            self._count_regularly(), self._announce(), watch_loop(), self._clock_check.run(self._pool.own),
            self._begin(due),
            Nightly(settings, clock, service.definitions, self._oldest).run(),
            Measuring(self._pool.own, clock, service.definitions is not None, service.open_payments).run(),
            *([self._seal_regularly(service.recording)] if service.recording else []),
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
                on_effects=self._lanes.after_commit, on_loss=self._lane_gone.set,
            )
            for number in range(settings.lanes)
        ]

    async def _sweep(self) -> None:
        try:
            await undeliverable.sweep(
                self._pool.own, self._lanes.alive(), self._topics, self._settings.chain_key
            )
            if count := await publish_leftovers(self._pool.own, self._publisher, self._lanes.alive):
                log.info("leftovers_published", records=count)
        except Exception as error:  # the next round does it; the rows stay where they are
            log.warning("sweep_failed", error=repr(error))

    async def _sweep_regularly(self) -> None:
        while True:
            self._lane_gone.clear()
            await self._sweep()
            with suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_SECONDS):
                    await self._lane_gone.wait()

    async def _count_regularly(self) -> None:
        """What the bounds know only from the database."""
        while True:
            try:
                async with self._pool.own.acquire() as connection:
                    coordinates = self._service.definitions is not None
                    await self._lanes.bounds.count(connection, self._lanes.alive(), coordinates)
            except Exception as error:  # what was counted last holds until the next time
                log.warning("not_counted", error=repr(error))
            await asyncio.sleep(COUNT_SECONDS)

    async def _seal_regularly(self, recording: Recording) -> None:
        """Beside the lanes, which never wait for it: what is recorded is chained a moment later."""
        while True:
            sealed = 0
            try:
                async with self._pool.own.acquire() as connection, connection.transaction():
                    sealed = await recording.seal(connection, self._settings.chain_key)
            except Exception as error:  # the next round does it; the auditor tells what stays unsealed
                log.warning("not_sealed", error=repr(error))
            if not sealed:
                await asyncio.sleep(SEAL_SECONDS)

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
