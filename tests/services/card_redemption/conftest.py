"""A real PostgreSQL with the card service's schema: real batches, no Kafka."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from services.runtime.ground.migrations import migrate
from services.runtime.ground.postgres import connect_lane
from services.runtime.ground.settings import Settings
from tests.services.card_redemption.ledger import CardLedger
from tests.settle.audit.scratch import server

MIGRATIONS = Path(__file__).parents[3] / "services/card_redemption/migrations"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A server for the whole run; its DSN without a database."""
    with server() as dsn:
        yield dsn


@pytest_asyncio.fixture(loop_scope="session")
async def cards(postgres: str, request: pytest.FixtureRequest) -> AsyncIterator[CardLedger]:
    """The card service on a database of the test's own."""
    name = f"t{abs(hash(request.node.nodeid))}"
    admin = await asyncpg.connect(f"{postgres}/postgres")
    await admin.execute(f'create database "{name}"')
    dsn = f"{postgres}/{name}"
    await migrate(dsn, [MIGRATIONS])
    settings = Settings("card_redemption", dsn=dsn)
    connection = await connect_lane(settings)
    yield CardLedger(connection, settings)
    await connection.close()
    await admin.execute(f'drop database "{name}" with (force)')
    await admin.close()
