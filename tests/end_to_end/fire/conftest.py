"""One engine for all the fires: PostgreSQL with fsync, Kafka, the sandbox acquirer, stored orders to settle."""

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from settle.bench import loader
from settle.bench.targets import Target
from settle.local import postgres, topics
from settle.local.endpoints import dsns_of, targets_of
from settle.local.stack import LocalStack

ORDERS = 5_000
LEASE_SECONDS = "3"


@dataclass(slots=True)
class Fire:
    """The running engine and the orders that are still to be settled."""

    stack: LocalStack
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


@pytest.fixture(scope="session")
def fire() -> Iterator[Fire]:
    """Filled on a manual clock, run on the system's; two processes of each service.

    In a folder of its own that PostgreSQL's user can reach: pytest closes its base folder to others at every start.
    """
    data = Path(tempfile.mkdtemp(prefix="settle-fire-"))
    data.chmod(0o755)
    environ = {"SETTLE_IDLE_SESSION_TIMEOUT_SECONDS": LEASE_SECONDS}
    try:
        targets = _fill(data)
        with LocalStack(data, broker="auto", clock="system", processes=2, environ=environ) as stack:
            yield Fire(stack, iter(targets))
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _fill(data: Path) -> list[Target]:
    with LocalStack(data, broker="auto", clock="manual") as stack:
        return asyncio.run(loader.fill(
            targets_of(stack.endpoints), dsns_of(stack.endpoints), mix="mixed", orders=ORDERS,
            partitions=topics.partitions(), now=datetime.now(UTC), say=lambda line: None,
        ))
