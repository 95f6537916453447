"""A real PostgreSQL with the credit ledger's schema, and a ledger on it: real batches, no Kafka."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from services.runtime.ground.migrations import migrate
from services.runtime.ground.postgres import connect_lane
from services.runtime.ground.settings import Settings
from tests.services.credit_ledger.ledger import Ledger
from tests.settle.audit.scratch import server

MIGRATIONS = Path(__file__).parents[3] / "services/credit_ledger/migrations"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A server for the whole run; its DSN without a database."""
    with server() as dsn:
        yield dsn


@pytest_asyncio.fixture(loop_scope="session")
async def database(postgres: str, request: pytest.FixtureRequest) -> AsyncIterator[Settings]:
    """Settings with a migrated database of the test's own."""
    name = f"t{abs(hash(request.node.nodeid))}"
    admin = await asyncpg.connect(f"{postgres}/postgres")
    await admin.execute(f'create database "{name}"')
    dsn = f"{postgres}/{name}"
    await migrate(dsn, [MIGRATIONS])
    yield Settings("credit_ledger", dsn=dsn, idle_session_timeout_seconds=0)
    await admin.execute(f'drop database "{name}" with (force)')
    await admin.close()


@pytest_asyncio.fixture(loop_scope="session")
async def ledger(database: Settings) -> AsyncIterator[Ledger]:
    """A credit ledger on a database of the test's own."""
    connection = await connect_lane(database)
    yield Ledger(connection)
    await connection.close()
