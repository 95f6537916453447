"""A real PostgreSQL with the order service's schema, and a shop on it: real batches, no Kafka."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from services.runtime.ground.migrations import migrate
from services.runtime.ground.postgres import connect_lane
from services.runtime.ground.settings import Settings
from tests.services.order.shop import Shop
from tests.settle.audit.scratch import server

MIGRATIONS = Path(__file__).parents[3] / "services/order/migrations"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A server for the whole run; its DSN without a database."""
    with server() as dsn:
        yield dsn


@pytest_asyncio.fixture(loop_scope="session")
async def shop(postgres: str, request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    """An order service on a database of the test's own."""
    name = f"t{abs(hash(request.node.nodeid))}"
    admin = await asyncpg.connect(f"{postgres}/postgres")
    await admin.execute(f'create database "{name}"')
    dsn = f"{postgres}/{name}"
    await migrate(dsn, [MIGRATIONS])
    connection = await connect_lane(Settings("order", dsn=dsn, idle_session_timeout_seconds=0))
    yield Shop(connection)
    await connection.close()
    await admin.execute(f'drop database "{name}" with (force)')
    await admin.close()
