"""A real PostgreSQL for the whole run (as `nobody` where the user is root), and a mock Kafka for a test that asks."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import pytest
import pytest_asyncio

from services.runtime.ground.migrations import migrate
from services.runtime.ground.settings import Settings
from services.runtime.process import Process
from services.runtime.service import Service
from tests.services.runtime.counters import SCHEMA
from tests.services.runtime.mock_cluster import MockCluster
from tests.services.runtime.raw_records import PARTITIONS, TOPICS, Running
from tests.settle.audit.scratch import made

UNTIL_SECONDS_MAX = 60.0
"""How long a condition is waited for: what comes in a second on a quiet machine may take twenty on a crowded one."""


class Until(Protocol):
    """Waits for a condition, so many seconds at most."""

    def __call__(self, condition: Callable[[], Any], seconds: float = UNTIL_SECONDS_MAX) -> Awaitable[None]: ...


class Start(Protocol):
    """Starts a process of a service, ready; what is started stops with the test, however that ends."""

    def __call__(self, service: Service) -> Awaitable[Process]: ...


class Postgres:
    """One server in a temporary directory; `stop` is a crash."""

    def __init__(self, folder: Path) -> None:
        self._server = made(folder)

    def start(self) -> None:
        """Start, or start again, and wait until it accepts connections."""
        self._server.start()

    def stop(self) -> None:
        """An immediate stop: no checkpoint, recovery on the next start."""
        self._server.stop(immediate=True)

    def dsn(self, database: str = "postgres") -> str:
        """How to connect."""
        return f"{self._server.dsn.rpartition('/')[0]}/{database}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of this run."""
    folder = Path(tempfile.mkdtemp(prefix="settle-pg-"))
    try:
        server = Postgres(folder)
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(loop_scope="session")
async def settings(postgres: Postgres, request: pytest.FixtureRequest) -> AsyncIterator[Settings]:
    """Settings with a database of the test's own."""
    name = f"t{abs(hash(request.node.nodeid))}"
    await _execute(postgres, f'create database "{name}"')
    yield Settings("test", dsn=postgres.dsn(name), kafka="127.0.0.1:1", reflection=False)
    await _execute(postgres, f'drop database "{name}" with (force)')


async def _execute(postgres: Postgres, statement: str) -> None:
    connection = await asyncpg.connect(postgres.dsn())
    await connection.execute(statement)
    await connection.close()


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    """A broker that can be told to fail, with the topic `t` of two partitions."""
    mock = MockCluster()
    mock.create_topic("t", 2)
    yield mock
    mock.close()


@pytest.fixture
def until() -> Until:
    """Wait for a condition, bounded; the condition may be a coroutine function."""

    async def wait(condition: Callable[[], Any], seconds: float = UNTIL_SECONDS_MAX) -> None:
        async with asyncio.timeout(seconds):
            while True:
                met = condition()
                if asyncio.iscoroutine(met):
                    met = await met
                if met:
                    return
                await asyncio.sleep(0.01)

    return wait


@pytest_asyncio.fixture(loop_scope="session")
async def local(settings: Settings, cluster: MockCluster) -> Settings:
    """Settings with a migrated database and the service's topics."""
    for name in TOPICS:
        cluster.create_topic(name, PARTITIONS)
    await migrate(settings.dsn, [])
    connection = await asyncpg.connect(settings.dsn)
    await connection.execute(SCHEMA)
    await connection.close()
    return replace(
        settings, service="counter", kafka=cluster.bootstrap, partitions=PARTITIONS, gather_ms_max=1, drain_seconds=2.0
    )


@pytest.fixture
def running(local: Settings, until: Until) -> Running:
    """Run a service for a block; no task of it may end."""

    @asynccontextmanager
    async def run(service: Service) -> AsyncIterator[Process]:
        process = Process(service, local)
        await process.start()
        ended = asyncio.create_task(process.wait(asyncio.Event()))
        try:
            await until(lambda: process._lanes.ready)
            yield process
            assert not ended.done(), ended
        finally:
            ended.cancel()
            await process.stop()

    return run


@pytest_asyncio.fixture(loop_scope="session")
async def start(local: Settings, until: Until) -> AsyncIterator[Start]:
    """Processes for a test that starts and kills several."""
    started: list[Process] = []

    async def begin(service: Service) -> Process:
        process = Process(service, local)
        await process.start()
        started.append(process)
        await until(lambda: process._lanes.ready)
        return process

    yield begin
    for process in started:
        await process.stop()
