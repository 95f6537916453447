"""Rows by version, on a real PostgreSQL: a new one collides with another's, a known one is changed as it was found."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import asyncpg
import pytest
import pytest_asyncio

from services.kernel.errors import Defect
from services.kernel.seal import seal_of
from services.runtime.ground.migrations import migrate
from services.runtime.ground.postgres import connect_lane
from services.runtime.ground.saving import Appending, Saving, column, columns
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.ground.writing import Overtaken, write


@dataclass(frozen=True, slots=True)
class Crate:
    """A row with a column that never changes and one that does."""

    key: str
    made_in: str = "Linz"
    apples: int = 0
    version: int = 1


save_crates = Saving(
    "crates", key="id", once=(column("id", "text", "key"), column("made_in", "text")),
    moving=(column("apples", "integer", lambda crate: crate.apples), *columns("bigint", "version")),
)
append_crates = Appending(
    "crates", (column("id", "text", "key"), column("made_in", "text"), column("apples", "integer"))
)


@pytest_asyncio.fixture(loop_scope="session")
async def connection(settings: Settings) -> AsyncIterator[Connection]:
    """A lane's connection to a database with crates."""
    opened = await connect_lane(settings)
    await opened.execute("create table crates (id text primary key, made_in text, apples integer, version bigint)")
    yield opened
    await opened.close()


async def crates(connection: Connection) -> list[tuple[str, str, int, int]]:
    """All that is stored."""
    return [tuple(row) for row in await connection.fetch("select id, made_in, apples, version from crates order by id")]


async def test_new_and_known_rows_are_written_by_one_statement(connection: Connection) -> None:
    """The new one whole, the known one without what never changes."""
    await write(connection, *save_crates([Crate("a"), Crate("c")], {}))

    changed = [Crate("a", "elsewhere", 5, 2), Crate("b"), Crate("c", apples=7, version=2)]
    await write(connection, *save_crates(changed, {"a": 1, "c": 1}))
    await write(connection, *save_crates([Crate("b", apples=1, version=4)], {"b": 1}))

    assert await crates(connection) == [("a", "Linz", 5, 2), ("b", "Linz", 1, 4), ("c", "Linz", 7, 2)]


async def test_a_row_that_is_new_to_two_collides(connection: Connection) -> None:
    """The first stays as it was made, whatever the second came with (findings: proto_place_race)."""
    await write(connection, *save_crates([Crate("a", apples=1)], {}))

    with pytest.raises(asyncpg.UniqueViolationError):
        await write(connection, *save_crates([Crate("a", apples=2)], {}))

    assert await crates(connection) == [("a", "Linz", 1, 1)]


@pytest.mark.parametrize("found", [0, 2, 3])
@pytest.mark.parametrize("beside", [(), (Crate("new"),)])
async def test_a_row_that_was_changed_meanwhile_is_overtaken(
    connection: Connection, found: int, beside: tuple[Crate, ...]
) -> None:
    """It is not written, and the count says so, with and without new rows beside it."""
    kept, moved = Crate("a"), Crate("b", apples=1)
    await write(connection, *save_crates([kept, moved], {}))

    changed = [replace(kept, apples=9, version=2), replace(moved, apples=9, version=found + 1)]
    transaction = connection.transaction()
    await transaction.start()
    with pytest.raises(Overtaken, match="1 of 2 rows"):
        await write(connection, *save_crates([*changed, *beside], {"a": 1, "b": found}))
    await transaction.rollback()

    assert await crates(connection) == [("a", "Linz", 0, 1), ("b", "Linz", 1, 1)]


async def test_what_is_written_once_is_appended_and_never_changed(connection: Connection) -> None:
    """The key refuses it a second time; to change one that was found is a defect."""
    await write(connection, *append_crates([Crate("a"), Crate("b")], {}))

    with pytest.raises(asyncpg.UniqueViolationError):
        await write(connection, *append_crates([Crate("b")], {}))
    with pytest.raises(Defect, match="never change"):
        await write(connection, *append_crates([Crate("a")], {"a": 1}))


async def test_what_is_appended_is_sealed_where_it_says_so(connection: Connection) -> None:
    """Over all its columns, under the key of the chains."""
    await connection.execute("alter table crates add column seal bytea")
    append = Appending("crates", append_crates.columns, sealed=True)

    await write(connection, *append([Crate("a", apples=3)], {}, b"k" * 32))

    seal = await connection.fetchval("select seal from crates")
    assert seal == seal_of("crates", ("a", "Linz", 3), b"k" * 32) != seal_of("crates", ("a", "Linz", 3))


@pytest.mark.parametrize("amounts", [[5], [5, -4], [5, None, -5], [None], [2**62, 2**62, 1, -(2**62), -(2**62)]])
async def test_a_journal_that_does_not_balance_cannot_be_stored(
    connection: Connection, settings: Settings, amounts: list[int | None]
) -> None:
    """Nor one with a line of an unknown amount, nor one whose sum is out of bounds."""
    await migrate(settings.dsn, [])
    names = [f"{n}" for n in range(len(amounts))]

    with pytest.raises((asyncpg.IntegrityConstraintViolationError, asyncpg.NumericValueOutOfRangeError)):
        await connection.execute(
            """insert into journals (root, root_version, no, op, unit, order_id, saga_id, posted_at, accounts, subs,
                                     amounts) values ('acc_1', 1, 1, 'HOLD', 'CNY', '', '', now(), $1, $1, $2)""",
            names, amounts,
        )
