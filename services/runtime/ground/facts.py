"""Facts of a database: single values under a name, which all processes of a service read."""

from collections.abc import Mapping

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
    first: str = await connection.fetchval("select value from runtime_facts where name = $1", name)
    return first
