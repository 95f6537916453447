"""Several writes as one statement, on a real PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest
import pytest_asyncio

from services.kernel.effects import PostedJournal
from services.kernel.journal import Journal, Line, Unit
from services.runtime.ground.migrations import migrate
from services.runtime.ground.postgres import connect_lane
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.ground.writing import Overtaken, Question, Write, write
from services.runtime.stored.journals import save_journals

PLANT = "insert into trees (name, apples) select * from unnest($1::text[], $2::integer[])"
PICK = """update trees t set apples = t.apples - n.apples
          from unnest($1::text[], $2::integer[]) n (name, apples) where t.name = n.name"""
FELL = "delete from trees where name = any($1::text[])"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest_asyncio.fixture(loop_scope="session")
async def connection(settings: Settings) -> AsyncIterator[Connection]:
    """A lane's connection to a database with an orchard."""
    opened = await connect_lane(settings)
    await opened.execute("create table trees (name text primary key, apples integer)")
    yield opened
    await opened.close()


async def trees(connection: Connection) -> dict[str, int]:
    """All that is stored."""
    return {row[0]: row[1] for row in await connection.fetch("select name, apples from trees")}


async def test_all_is_written_at_once_and_each_part_has_its_own_arguments(connection: Connection) -> None:
    """Also beyond the ninth, and what is asked sees nothing of it."""
    await write(connection, Write(PLANT, (["a", "b", "c"], [1, 2, 3])))

    many = [Write(PLANT, ([f"d{number}"], [number])) for number in range(6)]
    answer = await write(
        connection, *many, Write(PICK, (["a", "b"], [1, 1]), "trees", 2), Write(FELL, (["c"],)),
        asked=Question("(select count(*) from trees), $1::text || $2", ("x", "y")),
    )

    assert answer == (3, "xy")
    assert await trees(connection) == {"a": 0, "b": 1} | {f"d{number}": number for number in range(6)}


async def test_each_count_is_held_to_its_own_part(connection: Connection) -> None:
    """A row that is not as it was found shows, wherever its part stands, and nothing of the statement stays."""
    await write(connection, Write(PLANT, (["a", "b"], [5, 5])))
    good, bad = Write(PICK, (["a"], [1]), "good", 1), Write(PICK, (["b", "gone"], [1, 1]), "bad", 2)

    for order in ((good, bad), (bad, good), (Write(FELL, (["x"],)), bad, good)):
        with pytest.raises(Overtaken, match="bad: 1 of 2 rows"):
            async with connection.transaction():
                await write(connection, *order)

    assert await trees(connection) == {"a": 5, "b": 5}


async def test_what_is_there_already_fails_all_of_it(connection: Connection) -> None:
    """Two that make one row collide, whatever goes with it."""
    await write(connection, Write(PLANT, (["a"], [5])))

    with pytest.raises(asyncpg.UniqueViolationError):
        await write(connection, Write(PICK, (["a"], [1]), "trees", 1), Write(PLANT, (["a"], [1])))

    assert await trees(connection) == {"a": 5}


async def test_nothing_to_write_asks_nothing(connection: Connection) -> None:
    """A closed connection does not notice; a question alone is answered."""
    assert await write(connection, asked=Question("$1::integer + 1", (1,))) == (2,)
    await connection.close()

    assert await write(connection) == ()


@pytest.mark.parametrize("sub", ["", "m_1", "NULL", 'a"b', "a\\b", '\\"', "{a,b}", " a ", "商户,一", "a\nb"])
async def test_lines_of_journals_come_back_as_they_were_posted(
    connection: Connection, settings: Settings, sub: str
) -> None:
    """Whatever the names hold: they go as literals of arrays."""
    await migrate(settings.dsn, [])
    journal = Journal("HOLD", Unit.CNY, (Line("A.ONE", sub, 2**60), Line("A.TWO", sub, -(2**60))))

    await write(connection, save_journals([PostedJournal("acc_1", 1, 1, journal, "", NOW)]))

    stored = await connection.fetchrow("select accounts, subs, amounts from journals")
    assert stored is not None
    assert tuple(stored) == (["A.ONE", "A.TWO"], [sub, sub], [2**60, -(2**60)])
