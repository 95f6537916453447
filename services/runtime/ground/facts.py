"""Facts of a database: single values under a name, which all processes of a service read."""

from collections.abc import Mapping

from services.kernel import chain
from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.ground.tables import Connection


async def keep(connection: Connection, facts: Mapping[str, str]) -> None:
    """Write these, whatever they were before."""
    names = sorted(facts)
    await connection.execute(
        """insert into runtime_facts (name, value) select * from unnest($1::text[], $2::text[])
           on conflict (name) do update set value = excluded.value""",
        names, [facts[name] for name in names],
    )


async def pin(connection: Connection, name: str, value: str) -> str:
    """Write this fact once and for all; answers what was written first."""
    await connection.execute(
        "insert into runtime_facts (name, value) values ($1, $2) on conflict (name) do nothing", name, value
    )
    first = await find(connection, name)
    assert first is not None
    return first


async def find(connection: Connection, name: str) -> str | None:
    """This fact; None where nobody wrote it."""
    value: str | None = await connection.fetchval("select value from runtime_facts where name = $1", name)
    return value


async def check_settings(connection: Connection, settings: Settings) -> None:
    """Refuse settings that differ from those with which the database was begun: a count of partitions that would send
    keys elsewhere (case 31), a key under which chains can be followed by nobody."""
    stored = await pin(connection, "partitions", str(settings.partitions))
    if int(stored) != settings.partitions:
        told = f"SETTLE_PARTITIONS={settings.partitions}, but this database was made with {stored}, and keeps them"
        raise SettingsError(told)
    name = chain.name_of(settings.chain_key)
    if await pin(connection, chain.KEY_NAME, name) != name:
        raise SettingsError("SETTLE_CHAIN_KEY is not what it was when the chains of this database were begun")
