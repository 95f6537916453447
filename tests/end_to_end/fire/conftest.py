"""One engine for all the fires: PostgreSQL with fsync, Kafka, the sandbox acquirer, stored orders to settle."""

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from settle.bench import loader
from settle.bench.targets import Target
from settle.local import postgres
from settle.local.stack import LocalStack
from tests.end_to_end.fire.slow_wire import WiredStack

ORDERS = 6_600
LEASE_SECONDS = "3"


@dataclass(slots=True)
class Fire:
    """The running engine and the orders that are still to be settled."""

    stack: WiredStack
    targets: Iterator[Target]
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1_000_000, 10_000))

    @property
    def dsns(self) -> dict[str, str]:
        """Where the books are."""
        return {name: self.stack.postgres.database(name) for name in postgres.DATABASES}

    @property
    def addresses(self) -> list[str]:
        """Where orders are settled."""
        return [seat.target for name, seat in self.stack.seats.items() if name.partition("-")[0] == "order"]

    def take(self, count: int) -> list[Target]:
        """Orders that nobody has settled yet."""
        return list(itertools.islice(self.targets, count))


@pytest.fixture(scope="package")
def fire() -> Iterator[Fire]:
    """The engine for all the fires of a run; it goes with the last of them, for it costs a sixth of a core at rest."""
    with folder() as data:
        targets = filled(data, ORDERS)
        with burning(data) as stack:
            yield Fire(stack, iter(targets))


@contextmanager
def folder() -> Iterator[Path]:
    """For the data, where PostgreSQL's user can reach it: pytest closes its base folder to others at every start."""
    data = Path(tempfile.mkdtemp(prefix="settle-fire-"))
    data.chmod(0o755)
    try:
        yield data
    finally:
        shutil.rmtree(data, ignore_errors=True)


def filled(data: Path, orders: int) -> list[Target]:
    """Stored orders, on a manual clock, to settle on the system's."""
    with LocalStack(data, broker="auto", clock="manual") as stack:
        return asyncio.run(loader.fill(
            stack.endpoints, mix="mixed", orders=orders, now=datetime.now(UTC),
            say=lambda line: None,
        ))


def burning(data: Path) -> WiredStack:
    """Two processes of each service on what is stored."""
    environ = {"SETTLE_IDLE_SESSION_TIMEOUT_SECONDS": LEASE_SECONDS}
    return WiredStack(data, broker="auto", clock="system", processes=2, environ=environ)
