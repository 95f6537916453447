"""How a service's process begins and ends: its settings are read, what it needs is there and fits, and then it serves
until it is told to stop."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import structlog

from services.runtime.ground import grants
from services.runtime.ground.guards import check_process
from services.runtime.ground.logs import configure_logs
from services.runtime.ground.migrations import MigrationsMissing, check_migrated, migrate
from services.runtime.ground.postgres import DatabaseUnavailable, check_database
from services.runtime.ground.records import topic
from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.ground.starting import starting
from services.runtime.ground.values import settle_in
from services.runtime.kafka.clients import BrokerUnavailable, check_broker
from services.runtime.process import Process
from services.runtime.rpc.server import HARD_EXIT_MARGIN_SECONDS, hard_exit_after, leave
from services.runtime.service import Service
from services.runtime.stored import accepted

MIGRATE = "migrate"

log = structlog.get_logger(__name__)


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
