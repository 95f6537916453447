"""A database of an older release: made by its migrations, used by its lanes."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import pytest

from services.runtime.ground import migrations
from services.runtime.ground.migrations import migrate


async def migrated_before(number: str, dsn: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply the runtime's migrations before this number only, and have a lane begin there."""

    def later(_folder: str, names: Sequence[str]) -> list[str]:
        return [name for name in names if name >= number]

    older = shutil.copytree(migrations.RUNTIME, folder / "runtime" / "migrations", ignore=later)
    with monkeypatch.context() as before:
        before.setattr(migrations, "RUNTIME", older)
        await migrate(dsn, [])
    connection = await asyncpg.connect(dsn)
    await connection.fetchval("select nextval('lane_ids')")
    await connection.close()
