"""What a service's role may do in its database: what `grants.sql` of the runtime and of the service say, and no more.

The owner of the tables applies it after every migration. The role owns nothing, so that it can neither change a table
nor give away what it may.
"""

from collections.abc import Sequence
from pathlib import Path

import asyncpg

from services.runtime.ground.migrations import LOCK, RUNTIME
from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.ground.tables import Connection

FILE = "grants.sql"
ROLE = ':"service"'
"""Where the files name the role, as psql's variables stand."""
_FIRST = """
    revoke all on all tables in schema public from {role};
    revoke all on all sequences in schema public from {role};
    revoke create on schema public from public, {role};
    grant usage on schema public to {role};
    grant usage on all sequences in schema public to {role};
    grant select on all tables in schema public to {role};
"""
_TOO_MUCH = """
    select rolsuper or pg_has_role(r.oid, c.relowner, 'usage') or has_table_privilege(r.oid, c.oid, 'update, delete')
    from pg_roles r, pg_class c where r.rolname = current_user and c.oid = 'journals'::regclass"""


async def grant(owner_dsn: str, role: str, migrations: Sequence[Path]) -> None:
    """Let the role do what the files beside these folders of migrations say, in one transaction: nobody who is at work
    ever lacks what he has before and after it."""
    quoted = '"' + role.replace('"', '""') + '"'
    files = [folder.parent / FILE for folder in (RUNTIME, *migrations)]
    told = [_FIRST.format(role=quoted)]
    told += [file.read_text(encoding="utf-8").replace(ROLE, quoted) for file in files if file.exists()]
    connection = await asyncpg.connect(owner_dsn, timeout=10)
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
            await connection.execute("\n".join(told))
    finally:
        await connection.close()


async def check(connection: Connection, settings: Settings) -> None:
    """Raise `SettingsError` in production for a role that may do more than a service has to."""
    if settings.profile == "production" and await connection.fetchval(_TOO_MUCH):
        raise SettingsError(
            "SETTLE_DSN logs in as a role that may change journals; production wants one that owns nothing, with"
            " SETTLE_OWNER_DSN for the migrations"
        )
