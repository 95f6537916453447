"""What cannot be read is a finding, never the end of the audit: the row is named, left out, and the rest is audited.

For every table whose lists are json, and for the views on it, a session has temporary views of the same names that
leave out what was found to be unreadable. They stand behind the real ones until there is something to leave out.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple, TypeAlias

import asyncpg

from settle.audit.findings import CARD, CREDIT, ORDER, Finding

UNREADABLE = "audit.unreadable"
SAYS = {UNREADABLE: "what a promise is asked of can be read"}
CAUSE = "the row was written past the engine, for the engine itself could not read it either"
CHUNK = 2_000
"""How many rows are tried at a time in the search for those that cannot be read."""
TEXT_MAX = 200
_FAULTS = (
    asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError, asyncpg.SyntaxOrAccessError,
    asyncpg.PostgresConnectionError, asyncpg.TransactionRollbackError, OSError, MemoryError,
)
"""These say nothing of a row: the audit itself cannot go on."""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Reader(NamedTuple):
    """A view that spreads the lists of a table's rows, and by which column of it a row is found."""

    view: str
    column: str


class Kept(NamedTuple):
    """A table with lists, the column of its key, and the views on it, each after those that it is built on."""

    table: str
    key: str
    readers: Sequence[Reader]


_SAGAS = (
    Kept("sagas", "id", (Reader("saga_records", "id"), Reader("saga_branches", "saga_id"))),
    Kept("saga_digests", "id", (Reader("saga_records", "id"), Reader("saga_branches", "saga_id"))),
)
KEPT: Mapping[str, Sequence[Kept]] = {
    ORDER: (
        *(kept._replace(readers=(*kept.readers, Reader("settlements", "settlement_id"))) for kept in _SAGAS),
        Kept("orders", "id", tuple(
            Reader(f"order_{list_}", "order_id") for list_ in ("lines", "tenders", "refunds", "coupons")
        )),
    ),
    CREDIT: (
        *_SAGAS,
        Kept("agreements", "order_id", tuple(
            Reader(view, "order_id") for view in ("instalments", "agreement_plans", "holds")
        )),
        Kept("statements", "account_id", (Reader("statement_lines", "account_id"),)),
        Kept("credit_refunds", "id", (Reader("credit_refund_tenders", "refund_id"),)),
    ),
    CARD: (
        *_SAGAS,
        Kept("card_tenders", "order_id", (Reader("card_tender_refunds", "order_id"),)),
        Kept("redemption_orders", "id", (Reader("redemption_payouts", "redemption_id"),)),
        Kept("disputes", "id", (Reader("dispute_papers", "dispute_id"),)),
        Kept("revocation_batches", "id", (Reader("revocation_items", "batch_id"),)),
    ),
}
"""What has lists, by service; a test holds it to the views of the migrations."""

_SHADOWS = """
set search_path = pg_temp, public;
create temporary table audit_left_out (kept text not null, key text not null);
do $$
declare
    tables text[] := '{{{tables}}}'; keys text[] := '{{{keys}}}'; views text[] := '{{{views}}}';
    said text[] := (select array_agg(pg_get_viewdef(('public.' || name)::regclass) order by no)
                    from unnest(views) with ordinality v (name, no));  -- before the views that would be taken for them
begin
    for n in 1 .. cardinality(tables) loop
        execute format('create temporary view %1$I as select * from public.%1$I where %2$I <> all
                        (array(select key from audit_left_out where kept = %1$L))', tables[n], keys[n]);
    end loop;
    for n in 1 .. cardinality(views) loop
        execute format('create temporary view %I as %s', views[n], said[n]);
    end loop;
end $$;
set search_path = public, pg_temp
"""


def shadows(service: str) -> str:
    """The SQL that has a session of a service's database see its rows through what `leave_out` leaves of them."""
    kept = KEPT[service]
    views = dict.fromkeys(reader.view for each in kept for reader in each.readers)
    lists = {"tables": [each.table for each in kept], "keys": [each.key for each in kept], "views": list(views)}
    return _SHADOWS.format(**{name: ",".join(names) for name, names in lists.items()})


@asynccontextmanager
async def set_back(*connections: Connection) -> AsyncIterator[None]:
    """After an error inside, the transactions of these go on as if nothing had been asked."""
    async with AsyncExitStack() as stack:
        for connection in connections:
            await stack.enter_async_context(connection.transaction())
        yield


def is_fault(error: BaseException, *connections: Connection) -> bool:
    """Whether an error is no row's, but ends the audit."""
    if isinstance(error, BaseExceptionGroup):
        return any(is_fault(one, *connections) for one in error.exceptions)
    return (
        isinstance(error, _FAULTS) or not isinstance(error, Exception)
        or any(connection.is_closed() for connection in connections)
    )


async def leave_out(connection: Connection, service: str) -> list[Finding]:
    """Find the rows of a service that cannot be read, and look at its tables without them from now on."""
    found = []
    for kept in KEPT[service]:
        last = ""
        while keys := await _keys_after(connection, kept, last):
            for key, said in await _unread(connection, kept, keys):
                await connection.execute("insert into audit_left_out (kept, key) values ($1, $2)", kept.table, key)
                found.append(finding(service, f"{kept.table} {key}", "a row that can be read", said))
            last = keys[-1]
    if found:
        await connection.execute("set local search_path = pg_temp, public")
    return found


def finding(where: str, what: str, expected: str, error: object) -> Finding:
    """That something could not be read, and what was said of it."""
    said = error if isinstance(error, str) else said_of(error)
    return Finding(UNREADABLE, where, what, expected, said, cause=CAUSE)


def said_of(error: object) -> str:
    """An error in one line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return " ".join(f"{type(error).__name__}: {error}".split())[:TEXT_MAX]


async def _keys_after(connection: Connection, kept: Kept, last: str) -> list[str]:
    rows = await connection.fetch(
        f"select distinct {kept.key} as key from {kept.table} where {kept.key} > $1 order by 1 limit {CHUNK}", last
    )
    return [row["key"] for row in rows]


async def _unread(connection: Connection, kept: Kept, keys: Sequence[str]) -> list[tuple[str, str]]:
    """The keys among these whose rows cannot be read, with what the database says; halves are tried, then theirs."""
    found, parts = [], [list(keys)]
    while parts:
        part = parts.pop()
        try:
            for reader in kept.readers:
                async with set_back(connection):
                    await connection.fetchval(
                        f"select max(length(read::text)) from {reader.view} read where {reader.column} = any($1)", part
                    )
        except asyncpg.PostgresError as error:
            if is_fault(error, connection):
                raise
            if len(part) == 1:
                found.append((part[0], said_of(error)))
            else:
                parts += [part[: len(part) // 2], part[len(part) // 2 :]]
    return found
