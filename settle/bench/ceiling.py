"""The ceiling: the rows that settlements of this very run wrote, written again by plain batched SQL without the engine.

One connection a database, one transaction at a time, batches of 500, into twin tables of the same schema: reads under
lock, upserts, COPY, outbox and its clearing, in the order in which the protocol needs them. No decisions, no gRPC, no
Kafka.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

BATCH = 500
SAMPLE = 4_000
HEADERS = b"h" * 420
"""What the CloudEvents headers of a command or reply weigh."""
_SAMPLE = """
select id, root, plan -> 'money' ->> 3, plan -> 'money' ->> 4, branches -> 0 ->> 0, json_array_length(branches) > 1
from sagas where phase = 'DONE' and kind in ('cancellation', 'refund') and started_at >= $1 order by started_at desc limit $2
"""


@dataclass(frozen=True, slots=True)
class Upserts:
    """A table whose rows exist: read (and locked, if it is a root), then written."""

    table: str
    key: str
    by: str
    lock: bool = False


UPSERTS: Mapping[str, Sequence[Upserts]] = {
    "order": (Upserts("orders", "id", "order", True), Upserts("return_cases", "order_id", "order"), Upserts("sagas", "id", "saga")),
    "credit_ledger": (
        Upserts("credit_accounts", "id", "account", True), Upserts("agreements", "order_id", "order"),
        Upserts("merchant_shares", "id", "share", True),
    ),
    "card_redemption": (Upserts("gift_cards", "id", "card", True), Upserts("card_tenders", "order_id", "order")),
}
APPENDS: Mapping[str, Sequence[str]] = {
    "order": ("events",), "credit_ledger": ("operations", "journals", "events"), "card_redemption": ("journals", "events"),
}


@dataclass(slots=True)
class Twin:
    """The twin tables of one database, and the rows for each settlement of the sample."""

    connection: Connection
    types: dict[str, dict[str, str]] = field(default_factory=dict)
    keys: dict[str, list[str]] = field(default_factory=dict)
    rows: dict[str, dict[str, list[tuple[object, ...]]]] = field(default_factory=dict)
    seq: int = 0


async def measure(dsns: Mapping[str, str], began: datetime, say: Callable[[str], None]) -> float:
    """Settlements per second of plain SQL, for a sample of those that began after `began`; 0 if there are none."""
    connections = {service: await asyncpg.connect(dsn) for service, dsn in dsns.items()}
    try:
        sample = await connections["order"].fetch(_SAMPLE, began, SAMPLE)
        if len(sample) < BATCH:
            return 0.0
        twins = {service: await _twin(connection, service, sample) for service, connection in connections.items()}
        started = time.perf_counter()
        for start in range(0, len(sample), BATCH):
            await _settle(twins, sample[start : start + BATCH])
        per_second = len(sample) / (time.perf_counter() - started)
        say(f"ceiling: {per_second:.0f}/s over {len(sample)} settlements")
        return round(per_second, 1)
    finally:
        for connection in connections.values():
            await connection.execute("drop schema if exists ceiling cascade")
            await connection.close()


async def _settle(twins: Mapping[str, Twin], part: Sequence[asyncpg.Record]) -> None:
    """All transactions of a batch of settlements, as the protocol has them."""
    two_phase = [row for row in part if row[5]]
    await _transaction(twins["order"], "order", part, calls=True, timers=True, records=1)
    if two_phase:
        for service in ("credit_ledger", "card_redemption"):
            await _transaction(twins[service], service, two_phase, claim=True, records=1)
        await _transaction(twins["order"], "order", two_phase, records=2, replies=True)
    for service in ("credit_ledger", "card_redemption"):
        involved = [row for row in part if row[5] or row[4] == service]
        if involved:
            await _transaction(twins[service], service, involved, facts=True, records=1)
    await _transaction(twins["order"], "order", part, facts=True, done=True)


async def _transaction(
    twin: Twin, service: str, part: Sequence[asyncpg.Record], calls: bool = False, timers: bool = False, claim: bool = False,
    facts: bool = False, done: bool = False, replies: bool = False, records: int = 0,
) -> None:
    sagas = [row[0] for row in part]
    connection = twin.connection
    async with connection.transaction():
        for upserts in UPSERTS[service]:
            if replies and upserts.table != "sagas":
                continue
            await _upsert(twin, upserts, sagas)
        if service != "order" or calls:
            await _append(twin, "inbox", sagas)
        if timers:
            await _append(twin, "timers", sagas)
        if done:
            await connection.execute("delete from ceiling.timers where kind = 'saga' and key = any($1::text[])", sagas)
        if facts:
            for table in APPENDS[service]:
                await _append(twin, table, sagas)
        sent = [(b"p" * 250) for _ in range(records * len(sagas))]
        sent += [row[-1] for saga in sagas for row in twin.rows["events"].get(saga, ())] if facts else []  # type: ignore[misc]  # payload
        await connection.copy_records_to_table("outbox", schema_name="ceiling", records=[
            (1, twin.seq + n, "settlement.some.topic.v1", 1, sagas[0], HEADERS, payload) for n, payload in enumerate(sent)
        ])
        twin.seq += len(sent)
    await connection.execute("delete from ceiling.outbox where lane_id = 1 and seq < $1", twin.seq)


async def _upsert(twin: Twin, upserts: Upserts, sagas: Sequence[str]) -> None:
    types = twin.types.get(upserts.table)
    if not types:
        return
    rows = {row[list(types).index(upserts.key)]: row for saga in sagas for row in twin.rows[upserts.table].get(saga, ())}
    if not rows:
        return
    table, ordered = f"ceiling.{upserts.table}", [rows[key] for key in sorted(rows, key=str)]
    lock = f"order by {upserts.key} for no key update" if upserts.lock else ""
    columns = ", ".join(types)
    await twin.connection.fetch(f"select {columns} from {table} where {upserts.key} = any($1) {lock}", list(rows))
    values = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(types.values(), 1))
    keys = twin.keys[upserts.table]
    changes = ", ".join(f"{column} = excluded.{column}" for column in types if column not in keys)
    await twin.connection.execute(
        f"insert into {table} ({columns}) select * from unnest({values}) on conflict ({', '.join(keys)}) do update set {changes}",
        *(list(column) for column in zip(*ordered, strict=True)),
    )


async def _append(twin: Twin, table: str, sagas: Sequence[str]) -> None:
    if table not in twin.types:
        return
    records = [row for saga in sagas for row in twin.rows[table].get(saga, ())]
    if table == "inbox":
        twin.seq += 1
        records = [(f"{row[0]}/{twin.seq}", *row[1:]) for row in records]
    await twin.connection.copy_records_to_table(table, schema_name="ceiling", columns=list(twin.types[table]), records=records)


async def _twin(connection: Connection, service: str, sample: Sequence[asyncpg.Record]) -> Twin:
    await connection.execute("drop schema if exists ceiling cascade")
    await connection.execute("create schema ceiling")
    twin = Twin(connection)
    for upserts in UPSERTS[service]:
        if await _create(twin, upserts.table):
            await _read_upserts(twin, upserts, sample)
    for table in (*APPENDS[service], "inbox", "outbox", "timers"):
        if await _create(twin, table):
            twin.rows[table] = await _read_appends(twin, table, sample)
    await connection.execute("analyze")
    return twin


async def _create(twin: Twin, table: str) -> bool:
    connection = twin.connection
    row = await connection.fetchrow("select reloptions from pg_class where oid = to_regclass('public.' || $1)", table)
    if row is None:
        return False
    await connection.execute(f"create table ceiling.{table} (like public.{table} including all)")
    if row[0]:
        await connection.execute(f"alter table ceiling.{table} set ({', '.join(row[0])})")
    columns = await connection.fetch(
        """select attname, atttypid::regtype::text from pg_attribute
           where attrelid = to_regclass('public.' || $1) and attnum > 0 and not attisdropped order by attnum""", table,
    )
    twin.types[table] = {column[0]: column[1] for column in columns}
    twin.keys[table] = [name[0] for name in await connection.fetch(
        """select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
           where i.indisprimary and i.indrelid = to_regclass('public.' || $1)""", table,
    )]
    return True


async def _read_upserts(twin: Twin, upserts: Upserts, sample: Sequence[asyncpg.Record]) -> None:
    """The rows as they are now, by settlement; the twin table begins with them, so that a write is an update."""
    place = {"saga": 0, "order": 1, "account": 2, "card": 3}.get(upserts.by)
    columns = ", ".join(twin.types[upserts.table])
    if place is None:
        rows = await twin.connection.fetch(f"select {columns} from {upserts.table}")
        found: dict[str, list[Any]] = {saga[0]: [rows[n % len(rows)]] for n, saga in enumerate(sample)} if rows else {}
    else:
        keys = {saga[0]: saga[place] for saga in sample}
        rows = await twin.connection.fetch(
            f"select {columns} from {upserts.table} where {upserts.key} = any($1)", list(set(keys.values()))
        )
        by_key: dict[str, list[Any]] = {}
        for row in rows:
            by_key.setdefault(row[upserts.key], []).append(row)
        found = {saga: by_key.get(key, []) for saga, key in keys.items()}
    twin.rows[upserts.table] = {saga: [tuple(row) for row in its] for saga, its in found.items()}
    if upserts.table != "sagas":
        await twin.connection.copy_records_to_table(
            upserts.table, schema_name="ceiling", columns=list(twin.types[upserts.table]), records=[tuple(row) for row in rows]
        )


async def _read_appends(twin: Twin, table: str, sample: Sequence[asyncpg.Record]) -> dict[str, list[tuple[object, ...]]]:
    """The rows that a settlement appended. A call's answer and a timer leave no trace to find them by: alike ones stand in."""
    sagas = [row[0] for row in sample]
    columns = ", ".join(twin.types[table])
    found: dict[str, list[tuple[object, ...]]] = {saga: [] for saga in sagas}
    if table == "outbox":
        return found
    if table == "timers":
        at = await twin.connection.fetchval("select now()")
        return {row[0]: [("saga", row[0], row[1], 1, at)] for row in sample}
    if table == "inbox":
        answers = await twin.connection.fetch(f"select {columns} from inbox order by decided_at desc limit {len(sagas)}")
        return {saga: [(saga, *tuple(answer)[1:])] for saga, answer in zip(sagas, answers, strict=False)}
    if table == "events" and "orders" in twin.types:
        return await _read_order_events(twin, columns, sample)
    for row in await twin.connection.fetch(f"select {columns} from {table} where saga_id = any($1::text[])", sagas):
        found[row["saga_id"]].append(tuple(row))
    return found


async def _read_order_events(twin: Twin, columns: str, sample: Sequence[asyncpg.Record]) -> dict[str, list[tuple[object, ...]]]:
    """The coordinator's events name no settlement; the last one of the order is the one that its end caused."""
    rows = await twin.connection.fetch(
        f"""select distinct on (aggregate_id) {columns} from events where aggregate_id = any($1::text[])
            order by aggregate_id, sequence desc""", [row[1] for row in sample],
    )
    last = {row["aggregate_id"]: tuple(row) for row in rows}
    return {row[0]: [last[row[1]]] if row[1] in last else [] for row in sample}
