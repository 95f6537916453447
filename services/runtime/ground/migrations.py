"""Brings a database up to date: numbered SQL files, each applied once, in its own transaction, and never changed after.

A file is known as `<package>/<name>`, so that the runtime's migrations and a service's own do not collide. The part
after `-- migrate:up` is run (dbmate's form, so that other tools can read the files).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from services.kernel.errors import Defect
from services.runtime.ground.tables import Connection

RUNTIME = Path(__file__).parents[1] / "migrations"
_UP = "-- migrate:up"
_DOWN = "-- migrate:down"
LOCK = 0x5E771E
"""Held by whoever changes tables, or what may be done with them."""


class MigrationsMissing(Exception):
    """The database is behind the release that was started; whoever applies migrations has not done it yet."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its version `<package>/<name>`, its SQL, and the checksum of what was or will be run."""

    version: str
    sql: str

    @property
    def checksum(self) -> str:
        """A digest of the SQL."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def list_migrations(folders: Sequence[Path]) -> list[Migration]:
    """The migrations of these folders in the order given, by number within each."""
    found = []
    for folder in folders:
        for file in sorted(folder.glob("[0-9]*_*.sql")):
            _, up, sql = file.read_text(encoding="utf-8").partition(_UP)
            if not up:
                raise Defect(f"{file} has no line {_UP!r}")
            found.append(Migration(f"{folder.parent.name}/{file.stem}", sql.partition(_DOWN)[0].strip()))
    return found


async def migrate(dsn: str, folders: Sequence[Path], dry_run: bool = False) -> list[str]:
    """Apply what is missing, the runtime's own first; answers the versions applied (or, dry, that would be). Where
    nothing is, whoever can read will do."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        missing = [m for m in list_migrations([RUNTIME, *folders]) if await _apply(connection, m, dry_run=True)]
        if missing and not dry_run:
            await _create_ledger(connection)
            return [m.version for m in missing if await _apply(connection, m, dry_run=False)]
        return [m.version for m in missing]
    finally:
        await connection.close()


async def check_migrated(dsn: str, folders: Sequence[Path]) -> None:
    """Raise `MigrationsMissing` unless all of them were applied. More may have been: those of a later release, which
    this one can live with."""
    missing = await migrate(dsn, folders, dry_run=True)
    if missing:
        raise MigrationsMissing(f"the database is behind this release: {', '.join(missing)}; `migrate` applies them")


async def _create_ledger(connection: Connection) -> None:
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
        await connection.execute(
            """create table if not exists schema_migrations (
                   version text primary key, checksum text not null, applied_at timestamptz not null default now())"""
        )


async def _apply(connection: Connection, migration: Migration, dry_run: bool) -> bool:
    """One file under the lock; False if it was applied before. A changed file is a defect: write a new one."""
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
        exists = await connection.fetchval("select to_regclass('schema_migrations') is not null")
        applied = exists and await connection.fetchval(
            "select checksum from schema_migrations where version = $1", migration.version
        )
        if applied and applied != migration.checksum:
            raise Defect(f"migration {migration.version} was changed after it was applied")
        if applied or dry_run:
            return not applied
        await connection.execute("set local lock_timeout = '5s'")
        await connection.execute(migration.sql)
        await connection.execute(
            "insert into schema_migrations (version, checksum) values ($1, $2)", migration.version, migration.checksum
        )
        return True
