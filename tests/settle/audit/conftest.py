"""The story and the filled engine, made once for all tests that break them and take back what they broke."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.settle.audit.breaking import Breakable, breakable, loosen
from tests.settle.audit.edits import Place, places, tables
from tests.settle.audit.filled import BEGIN, fill
from tests.settle.audit.house import House, house
from tests.settle.audit.random_edits import EDITS, SEED, Tried, random_edits
from tests.settle.audit.scratch import server
from tests.settle.audit.story import tell
from tests.settle.audit.two_people import put_in_force


@pytest.fixture(scope="session")
def shared_dsn() -> Iterator[str]:
    """A server for what is made once."""
    with server() as address:
        yield address


@pytest.fixture(scope="session")
async def filled(shared_dsn: str) -> AsyncIterator[House]:
    """The filled engine; tests only look, or roll back what they break.

    It has lost its constraints for good: whoever breaks it would lock every table by dropping them until the end.
    """
    async with house(shared_dsn, "filled", BEGIN) as world:
        await fill(world)
        for connection in world.connections.values():
            await loosen(connection)
        yield world


@pytest.fixture(scope="session")
async def filled_places(filled: House) -> list[Place]:
    """Where the filled engine can be edited."""
    return places(await tables(filled.connections))


@pytest.fixture(scope="session")
async def broken_filled(filled: House, filled_places: list[Place]) -> AsyncIterator[Breakable]:
    """The filled engine, to be broken."""
    async with breakable(filled.dsns) as opened:
        yield opened


@pytest.fixture(scope="session")
async def edited(broken_filled: Breakable, filled_places: list[Place]) -> list[Tried]:
    """Random edits of the filled engine, with the verdicts on them."""
    return [each async for each in random_edits(broken_filled, filled_places, EDITS, SEED)]


@pytest.fixture(scope="session")
async def broken_story(shared_dsn: str) -> AsyncIterator[Breakable]:
    """The story, to be broken."""
    async with house(shared_dsn, "told", BEGIN) as world:
        await tell(world)
        await put_in_force(world)
        async with breakable(world.dsns) as opened:
            yield opened
