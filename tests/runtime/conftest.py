"""A real PostgreSQL for the whole run (as `nobody` where the user is root), and a mock Kafka for each test that asks."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from services.runtime.settings import Settings
from tests.runtime.mock_cluster import MockCluster

Until = Callable[[Callable[[], Any]], Awaitable[None]]


class Postgres:
    """One server in a temporary directory; `stop` may be immediate, as a crash is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._server: subprocess.Popen[bytes] | None = None
        self._as_nobody: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}

    def initialise(self) -> None:
        """Make the data directory."""
        if self._as_nobody:
            shutil.chown(self.folder, "nobody", "nogroup")
        options = ["-U", "postgres", "-A", "trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        command: list[str | Path] = [self.binaries / "initdb", "-D", self.folder / "data", *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **self._as_nobody)

    def start(self) -> None:
        """Start and wait until it accepts connections."""
        self._server = subprocess.Popen(
            [self.binaries / "postgres", "-D", self.folder / "data", "-p", str(self.port), "-k", self.folder,
             "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=60", "-c", "fsync=off"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, **self._as_nobody,
        )
        deadline = time.monotonic() + 20
        asking: list[str | Path] = [self.binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(asking, check=False).returncode:
            assert time.monotonic() < deadline, "PostgreSQL did not start"
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """SIGQUIT is an immediate stop, as a crash; SIGINT a fast one."""
        assert self._server is not None
        self._server.send_signal(how)
        self._server.wait(20)

    def dsn(self, database: str = "postgres") -> str:
        """How to connect."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of this run."""
    folder = Path(tempfile.mkdtemp(prefix="settle-pg-"))
    server = Postgres(folder)
    server.initialise()
    server.start()
    yield server
    server.stop()
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
