"""A real PostgreSQL for the whole run (as `nobody` where the user is root), and a mock Kafka for a test that asks."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from services.runtime.ground.settings import Settings
from tests.services.runtime.mock_cluster import MockCluster
from tests.settle.audit.scratch import made

Until = Callable[..., Awaitable[None]]


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

    async def wait(condition: Callable[[], Any], seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while True:
                met = condition()
                if asyncio.iscoroutine(met):
                    met = await met
                if met:
                    return
                await asyncio.sleep(0.01)

    return wait
