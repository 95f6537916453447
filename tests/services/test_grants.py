"""A service's role may do with each table what its statements do, and no more; nobody changes what was said."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

import services
from services.card_redemption.__main__ import SERVICE as CARDS
from services.credit_ledger.__main__ import SERVICE as CREDIT
from services.kernel.notices import Notice
from services.order.__main__ import SERVICE as ORDERS
from services.runtime.ground import grants
from services.runtime.ground.migrations import migrate
from services.runtime.ground.saving import Appending, Saving
from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.ground.tables import Connection
from services.runtime.service import Service
from services.runtime.stored.sagas import saga_table
from settle.local import roles
from settle.local.postgres import AUDITOR, DATABASES
from tests.settle.audit.scratch import server

SERVICES = (ORDERS, CREDIT, CARDS)
OF_THE_OWNER = frozenset({
    ("delete", "sagas"), ("insert", "saga_digests"), ("delete", "inbox"), ("delete", "parked"), ("delete", "events"),
    ("insert", "event_checkpoints"), ("update", "event_checkpoints"), ("insert", "schema_migrations"),
})
"""What the nightly pruning and the migrations do."""
_SAID = re.compile(
    r"(insert) into (\w+)|(delete) from (\w+)|(update) (\w+)(?: \w+)? set|"
    r"(?:copy_records_to_table|insert_into)\(\s*\"(\w+)\"|"
    r"on conflict \([\w, ]+\)\s+do (update)"
)
_MAY = """
    select p, relname, has_table_privilege($1, c.oid, p)
           or (p in ('insert', 'update') and has_any_column_privilege($1, c.oid, p))
    from pg_class c, unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) p
    where relnamespace = 'public'::regnamespace and relkind = 'r'"""
_WHOLE = "select has_table_privilege($1, $2::text::regclass, 'update')"
_PERMANENT = """select distinct tgrelid::regclass::text from pg_trigger t join pg_proc p on p.oid = t.tgfoid
                where p.proname in ('refuse_change', 'keep_record', 'keep_volumes')"""


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """A server with the databases and roles that `settle up` makes, each migrated and granted as services do it."""
    with server() as place:
        asyncio.run(_prepare(place))
        yield place


async def _prepare(place: str) -> None:
    connection = await asyncpg.connect(f"{place}/postgres")
    for database in DATABASES.values():
        await connection.execute(f"create database {database}")
    await roles.create(connection)
    await connection.close()
    for service in SERVICES:
        made_before = await asyncpg.connect(_login(place, service, "postgres"))
        await made_before.execute("create table of_old (id bigint generated always as identity, text text)")
        await made_before.execute("create view shown_of_old as select id from of_old")
        await roles.hand_over(made_before, service.name)
        owner = _login(place, service, roles.owner_of(service.name))
        await migrate(owner, [service.migrations])
        for _ in range(2):  # once more, as at each start
            await grants.grant(owner, roles.role_of(service.name), [service.migrations])
        await made_before.execute("drop table of_old cascade")
        await made_before.close()


def _login(place: str, service: Service, role: str) -> str:
    return f"{place}/{DATABASES[service.name]}".replace("postgres@", f"{role}@")


@asynccontextmanager
async def logged_in(place: str, service: Service, role: str = "") -> AsyncIterator[Connection]:
    """A connection to the service's database, as the service if as nobody else."""
    connection = await asyncpg.connect(_login(place, service, role or roles.role_of(service.name)))
    try:
        yield connection
    finally:
        await connection.close()


def said(service: Service) -> set[tuple[str, str]]:
    """What the statements of the runtime and of the service do with which table."""
    found: set[tuple[str, str]] = set()
    root = Path(services.__file__).parent
    for file in (*(root / "runtime").rglob("*.py"), *(root / service.name).rglob("*.py")):
        table = ""
        if file.name == "notices.py" and Notice not in {kind.kind for kind in service.tables}:
            continue
        for match in _SAID.finditer(file.read_text(encoding="utf-8")):
            verb = next((each for each in (match[1], match[3], match[5], match[8]) if each), "insert")
            table = next((each for each in (match[2], match[4], match[6], match[7]) if each), table)
            found.add((verb, table))
    for kind in (*service.tables, *([saga_table(service.definitions)] if service.definitions else ())):
        if isinstance(kind.save, Saving | Appending):
            found.add(("insert", kind.save.table))
        if isinstance(kind.save, Saving):
            found.add(("update", kind.save.table))
    return found - OF_THE_OWNER


async def may(connection: Connection, role: str) -> set[tuple[str, str]]:
    """What the catalog says that a role may do with which table."""
    return {(row[0], row[1]) for row in await connection.fetch(_MAY, role) if row[2]}


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
async def test_a_service_may_do_what_its_statements_do_and_no_more(dsn: str, service: Service) -> None:
    """Over all tables of the catalog; it reads all of its own."""
    async with logged_in(dsn, service) as connection:
        allowed = await may(connection, roles.role_of(service.name))
        tables = {table for _, table in allowed}

        assert {table for verb, table in allowed if verb == "select"} == tables
        changing = {each for each in allowed if each[0] != "select"}
        assert changing == said(service)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
async def test_what_is_permanent_is_only_added_to(dsn: str, service: Service) -> None:
    """Whatever a trigger protects a role cannot even try; of the record's rows their place alone is written."""
    async with logged_in(dsn, service) as connection:
        allowed = await may(connection, roles.role_of(service.name))
        permanent = {row[0] for row in await connection.fetch(_PERMANENT)}
        sealed = {"attempts", "record_volumes"} & permanent

        assert {"journals", "events", "operator_acts"} <= permanent
        assert not [each for each in allowed if each[1] in permanent and each[0] in ("delete", "truncate", "trigger")]
        assert {table for verb, table in allowed if verb == "update" and table in permanent} == sealed
        assert not [table for table in sealed if await connection.fetchval(_WHOLE, roles.role_of(service.name), table)]


@pytest.mark.parametrize("statement", [
    "update journals set op = ''", "delete from journals", "truncate journals", "delete from events",
    "update events set payload = ''", "delete from operator_acts", "delete from inbox",
    "update inbox set verdict = 'DONE'", "delete from sagas", "insert into saga_digests (id) values ('saga_1')",
    "update schema_migrations set checksum = ''",
    "insert into chain_starts values ('events', 'ord_1', 9)", "select accept_unlinked()", "create table mine (id text)",
    "create temporary table mine (id text)", "alter table events disable trigger all", "drop table outbox",
    "set role settle_order_owner", "set session_replication_role = replica",
    "create role mine login superuser", "copy orders to program 'true'", "select pg_read_file('PG_VERSION')",
    "alter system set fsync = off",
])
async def test_a_service_that_tries_more_is_refused(dsn: str, statement: str) -> None:
    """As the very role that works."""
    async with logged_in(dsn, ORDERS) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


async def test_nobody_comes_into_the_database_of_another_service(dsn: str) -> None:
    """Not a service, and not its owner."""
    for role in (roles.role_of("order"), roles.owner_of("order")):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with logged_in(dsn, CREDIT, role):
                pass


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
async def test_the_auditor_reads_everything_and_writes_nothing(dsn: str, service: Service) -> None:
    """Beside what it keeps for itself while it looks."""
    async with logged_in(dsn, service, AUDITOR) as connection:
        allowed = await may(connection, AUDITOR)
        await connection.execute("create temporary table audit_orders (id text)")

        assert {verb for verb, _ in allowed} == {"select"}
        assert len(allowed) == len(await connection.fetch(_MAY, AUDITOR)) / 7
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("delete from outbox")


async def test_production_refuses_a_role_that_may_change_journals(dsn: str) -> None:
    """The superuser and the owner; the service's own is taken, and locally any."""
    for role, taken in (("postgres", False), (roles.owner_of("order"), False), (roles.role_of("order"), True)):
        settings = Settings("order", dsn=_login(dsn, ORDERS, role), profile="production")
        async with logged_in(dsn, ORDERS, role) as connection:
            await grants.check(connection, replace(settings, profile="local"))
            if taken:
                await grants.check(connection, settings)
            else:
                with pytest.raises(SettingsError, match="SETTLE_OWNER_DSN"):
                    await grants.check(connection, settings)


async def test_a_service_starts_without_the_owner_where_nothing_is_to_migrate(dsn: str) -> None:
    """Where a job has done it before; what is to be done needs the owner."""
    assert await migrate(_login(dsn, ORDERS, roles.role_of("order")), [ORDERS.migrations]) == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await migrate(_login(dsn, ORDERS, roles.role_of("order")), [CREDIT.migrations])
