"""The twin tables of the ceiling: one schema `ceiling` a database, like the engine's own, and the rows that settlements
of this very run wrote, by settlement.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Row = tuple[object, ...]
_COLUMNS = """
select attname as name, atttypid::regtype::text as type from pg_attribute
where attrelid = to_regclass('public.' || $1) and attnum > 0 and not attisdropped order by attnum
"""
_KEYS = """
select a.attname as name from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
where i.indisprimary and i.indrelid = to_regclass('public.' || $1)
"""


class Settled(NamedTuple):
    """One settlement of the sample: whose rows it wrote; `service` is its first participant."""

    settlement_id: str
    order_id: str
    account_id: str
    card_id: str
    service: str
    two_phase: bool


@dataclass(frozen=True, slots=True)
class Upserts:
    """A table whose rows exist: read (and locked, if it is a root), then written. `of` is the id of the settlement that
    names the row in `key`; empty: any row will do."""

    table: str
    key: str
    of: str = ""
    lock: bool = False


UPSERTS: Mapping[str, Sequence[Upserts]] = {
    "order": (
        Upserts("orders", "id", "order_id", lock=True), Upserts("return_cases", "order_id", "order_id"),
        Upserts("sagas", "id", "settlement_id"),
    ),
    "credit_ledger": (
        Upserts("credit_accounts", "id", "account_id", lock=True), Upserts("agreements", "order_id", "order_id"),
        Upserts("merchant_shares", "id", lock=True),
    ),
    "card_redemption": (
        Upserts("gift_cards", "id", "card_id", lock=True), Upserts("card_tenders", "order_id", "order_id"),
    ),
}
APPENDS: Mapping[str, Sequence[str]] = {
    "order": ("events",), "credit_ledger": ("operations", "journals", "events"),
    "card_redemption": ("journals", "events"),
}


@dataclass(slots=True)
class Table:
    """A twin table: its columns with their types, its primary key, and the rows for each settlement of the sample."""

    types: dict[str, str]
    keys: list[str]
    rows: dict[str, list[Row]] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The names of its columns, in their order."""
        return list(self.types)

    def of(self, settlements: Iterable[str]) -> list[Row]:
        """The rows for these settlements."""
        return [row for settlement in settlements for row in self.rows.get(settlement, ())]

    def values(self, column: str, settlements: Iterable[str]) -> list[object]:
        """One column of the rows for these settlements."""
        place = self.columns.index(column)
        return [row[place] for row in self.of(settlements)]


@dataclass(slots=True)
class Twin:
    """The twin tables of one database by name; `seq` numbers what is written to them."""

    connection: Connection
    tables: dict[str, Table] = field(default_factory=dict)
    seq: int = 0


async def make_twin(connection: Connection, service: str, sample: Sequence[Settled]) -> Twin:
    """Create the twin tables of a service's database and read the rows for the sample."""
    await connection.execute("drop schema if exists ceiling cascade")
    await connection.execute("create schema ceiling")
    twin = Twin(connection)
    for upserts in UPSERTS[service]:
        if await _create(twin, upserts.table):
            await _read_upserts(twin, upserts, sample)
    for name in (*APPENDS[service], "inbox", "outbox", "timers"):
        if await _create(twin, name):
            twin.tables[name].rows = await _read_appends(twin, name, sample)
    await connection.execute("analyze")
    return twin


async def _create(twin: Twin, table: str) -> bool:
    """The twin of a table with the options of the table itself, if there is such a table."""
    connection = twin.connection
    found = await connection.fetchrow("select reloptions from pg_class where oid = to_regclass('public.' || $1)", table)
    if found is None:
        return False
    await connection.execute(f"create table ceiling.{table} (like public.{table} including all)")
    if found["reloptions"]:
        await connection.execute(f"alter table ceiling.{table} set ({', '.join(found['reloptions'])})")
    types = {column["name"]: column["type"] for column in await connection.fetch(_COLUMNS, table)}
    twin.tables[table] = Table(types, [key["name"] for key in await connection.fetch(_KEYS, table)])
    return True


async def _read_upserts(twin: Twin, upserts: Upserts, sample: Sequence[Settled]) -> None:
    """The rows as they are now; the twin table begins with them, so that a write is an update."""
    table = twin.tables[upserts.table]
    select = f"select {', '.join(table.columns)} from {upserts.table}"
    if upserts.of:
        keys = {saga.settlement_id: getattr(saga, upserts.of) for saga in sample}
        rows = await twin.connection.fetch(f"{select} where {upserts.key} = any($1)", list(set(keys.values())))
        by_key: dict[str, list[Row]] = {}
        for row in rows:
            by_key.setdefault(row[upserts.key], []).append(tuple(row))
        table.rows = {settlement: by_key.get(key, []) for settlement, key in keys.items()}
    else:
        rows = await twin.connection.fetch(select)
        dealt = enumerate(sample) if rows else ()
        table.rows = {saga.settlement_id: [tuple(rows[n % len(rows)])] for n, saga in dealt}
    if upserts.table != "sagas":
        await twin.connection.copy_records_to_table(
            upserts.table, schema_name="ceiling", columns=table.columns, records=[tuple(row) for row in rows]
        )


async def _read_appends(twin: Twin, name: str, sample: Sequence[Settled]) -> dict[str, list[Row]]:
    """The rows that a settlement appended. A call's answer and a timer leave no trace to find them by: alike ones stand
    in."""
    columns, ids = twin.tables[name].columns, [saga.settlement_id for saga in sample]
    found: dict[str, list[Row]] = {settlement: [] for settlement in ids}
    if name == "outbox":
        return found
    if name == "timers":
        return await _alike_timers(twin, columns, sample)
    if name == "inbox":
        answers = await twin.connection.fetch(
            f"select {', '.join(columns)} from inbox order by decided_at desc limit {len(ids)}"
        )
        return {settlement: [tuple(answer)] for settlement, answer in zip(ids, answers, strict=False)}
    if name == "events" and "orders" in twin.tables:
        return await _read_order_events(twin, columns, sample)
    select = f"select {', '.join(columns)} from {name}"
    for row in await twin.connection.fetch(f"{select} where saga_id = any($1::text[])", ids):
        found[row["saga_id"]].append(tuple(row))
    return found


async def _alike_timers(twin: Twin, columns: Sequence[str], sample: Sequence[Settled]) -> dict[str, list[Row]]:
    due_at = await twin.connection.fetchval("select now()")
    timers = {
        saga.settlement_id: {
            "kind": "saga", "key": saga.settlement_id, "root": saga.order_id, "partition": 1, "due_at": due_at,
        } for saga in sample
    }
    return {settlement: [tuple(timer[column] for column in columns)] for settlement, timer in timers.items()}


async def _read_order_events(
    twin: Twin, columns: Sequence[str], sample: Sequence[Settled]
) -> dict[str, list[Row]]:
    """The coordinator's events name no settlement; the last one of the order is the one that its end caused."""
    rows = await twin.connection.fetch(
        f"""select distinct on (aggregate_id) {', '.join(columns)} from events where aggregate_id = any($1::text[])
            order by aggregate_id, sequence desc""", [saga.order_id for saga in sample],
    )
    last = {row["aggregate_id"]: tuple(row) for row in rows}
    return {saga.settlement_id: [last[saga.order_id]] if saga.order_id in last else [] for saga in sample}
