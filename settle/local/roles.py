"""The roles of our own PostgreSQL server: of each service an owner of its tables, and one that only does its work; and
the auditor, who only reads. Each comes into its own database alone."""

import asyncpg

from settle.local.postgres import AUDITOR, DATABASES, Connection

_HAND_OVER = """
do $$
declare each record;
begin
    for each in
        select format('alter %s %s owner to {owner}', case relkind when 'v' then 'view' when 'S' then 'sequence'
                      else 'table' end, c.oid::regclass) said
        from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'S')
          and relowner <> '{owner}'::regrole
          and not exists (select from pg_depend d where d.objid = c.oid and d.deptype in ('a', 'i') and c.relkind = 'S')
        union all
        select format('alter function %s owner to {owner}', oid::regprocedure) from pg_proc
        where pronamespace = 'public'::regnamespace and proowner <> '{owner}'::regrole
    loop execute each.said; end loop;
end $$"""
"""What an engine from before there were roles made, all of it the superuser's."""


def owner_of(service: str) -> str:
    """The role that owns the service's tables, migrates them and deletes from them."""
    return f"settle_{service}_owner"


def role_of(service: str) -> str:
    """The role as which the service works; `services/<service>/grants.sql` says what it may."""
    return f"settle_{service}"


async def create(connection: Connection) -> None:
    """Those that are missing, and who may come into which database; by a superuser."""
    await create_auditor(connection)
    for service, database in DATABASES.items():
        owner, role = owner_of(service), role_of(service)
        await _create(connection, owner)
        await _create(connection, role)
        await connection.execute(f"""
            alter database {database} owner to {owner};
            revoke all on database {database} from public;
            grant connect on database {database} to {role}, {AUDITOR};
            grant temporary on database {database} to {AUDITOR}""")


async def create_auditor(connection: Connection) -> None:
    """Who reads everything and writes nothing; by a superuser."""
    await _create(connection, AUDITOR)
    await connection.execute(f"grant pg_read_all_data to {AUDITOR}")


async def hand_over(connection: Connection, service: str) -> None:
    """Have the owner own what is in the service's database; by a superuser, in that database."""
    owner = owner_of(service)
    await connection.execute(f"alter schema public owner to {owner}")
    await connection.execute(_HAND_OVER.format(owner=owner))


async def _create(connection: Connection, name: str) -> None:
    if not await connection.fetchval("select true from pg_roles where rolname = $1", name):
        try:
            await connection.execute(f"create role {name} login")
        except asyncpg.DuplicateObjectError:  # another engine on the same server was first
            return
