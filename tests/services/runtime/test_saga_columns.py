"""The columns of sagas: those that change stand together, so that an update logs them alone; only in new databases."""

from pathlib import Path

import asyncpg
import pytest

from services.runtime.ground.migrations import migrate
from services.runtime.ground.settings import Settings
from services.runtime.stored.sagas import save_runs
from tests.services.runtime.older import migrated_before

_COLUMNS = """select column_name, data_type, is_nullable, column_default from information_schema.columns
              where table_name = $1 order by ordinal_position"""
_INDEXES = "select indexdef from pg_indexes where tablename = 'sagas' order by indexname"
_VIEWS = ("saga_records", "saga_branches")


async def test_what_changes_stands_behind_what_never_does(settings: Settings) -> None:
    """Of all columns that are written."""
    await migrate(settings.dsn, [])

    places = {column[0]: place for place, column in enumerate(await _told(settings, _COLUMNS, "sagas"))}
    once = [*(column.name for column in save_runs.once), "made_seal"]
    assert max(places[name] for name in once) == len(once) - 1


async def test_where_a_lane_ever_began_the_table_stays(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all that is in it; in a new one the same columns, indexes and views are there."""
    await migrated_before("0013", settings.dsn, tmp_path, monkeypatch)
    before = await _told(settings, _COLUMNS, "sagas")
    indexes, views = await _told(settings, _INDEXES), [await _told(settings, _COLUMNS, name) for name in _VIEWS]
    await migrate(settings.dsn, [])

    assert await _told(settings, _COLUMNS, "sagas") == before
    connection = await asyncpg.connect(settings.dsn)
    await connection.execute("drop schema public cascade; create schema public")
    await connection.close()
    await migrate(settings.dsn, [])
    made = await _told(settings, _COLUMNS, "sagas")
    assert made != before
    assert sorted(made) == sorted(before)
    assert await _told(settings, _INDEXES) == indexes
    assert [await _told(settings, _COLUMNS, name) for name in _VIEWS] == views


async def test_where_views_of_a_service_stand_on_it_the_table_stays(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that was migrated once and has not been used yet."""
    await migrated_before("0013", settings.dsn, tmp_path, monkeypatch)
    connection = await asyncpg.connect(settings.dsn)
    await connection.execute("alter sequence lane_ids restart; create view settlements as select * from saga_records")
    await connection.close()
    before = await _told(settings, _COLUMNS, "sagas")
    await migrate(settings.dsn, [])

    assert await _told(settings, _COLUMNS, "sagas") == before


async def _told(settings: Settings, sql: str, *about: str) -> list[tuple[str, ...]]:
    connection = await asyncpg.connect(settings.dsn)
    rows = [tuple(map(str, row)) for row in await connection.fetch(sql, *about)]
    await connection.close()
    return rows
