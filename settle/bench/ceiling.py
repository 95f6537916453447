"""The ceiling: the rows that settlements of this very run wrote, written again by plain batched SQL without the engine.

One connection a database, one transaction at a time, batches of 500, into twin tables of the same schema: reads under
lock, upserts, COPY, outbox and its clearing, in the order in which the protocol needs them. No decisions, no gRPC, no
Kafka.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import asyncpg

from settle.bench.twins import APPENDS, UPSERTS, Row, Settled, Twin, Upserts, make_twin

BATCH = 500
SAMPLE = 4_000
HEADERS = b"h" * 420
"""What the CloudEvents headers of a command or reply weigh."""
PAYLOAD = b"p" * 250
_OUTBOX = ("lane_id", "seq", "topic", "partition", "key", "headers", "payload")
_SAMPLE = """
select settlement_id, root as order_id, account_id, card_id, services[1] as service, two_phase
from settlements where phase = 'DONE' and kind in ('cancellation', 'refund') and started_at >= $1
order by started_at desc limit $2
"""


async def measure(
    dsns: Mapping[str, str], began: datetime, say: Callable[[str], None], batch: int = BATCH
) -> float:
    """Settlements per second of plain SQL, for a sample of those that began after `began`; 0 if there are none."""
    connections = {service: await asyncpg.connect(dsn) for service, dsn in dsns.items()}
    try:
        sample = [Settled(**row) for row in await connections["order"].fetch(_SAMPLE, began, SAMPLE)]
        if len(sample) < batch:
            return 0.0
        twins = {service: await make_twin(connection, service, sample) for service, connection in connections.items()}
        started = time.perf_counter()
        for start in range(0, len(sample), batch):
            await _settle(twins, sample[start : start + batch])
        per_second = len(sample) / (time.perf_counter() - started)
        say(f"ceiling: {per_second:.0f}/s over {len(sample)} settlements")
        return round(per_second, 1)
    finally:
        for connection in connections.values():
            await connection.execute("drop schema if exists ceiling cascade")
            await connection.close()


async def _settle(twins: Mapping[str, Twin], part: Sequence[Settled]) -> None:
    """All transactions of a batch of settlements, as the protocol has them."""
    two_phase = [saga for saga in part if saga.two_phase]
    await _transaction(twins["order"], "order", part, calls=True, timers=True, records=1)
    if two_phase:
        for service in ("credit_ledger", "card_redemption"):
            await _transaction(twins[service], service, two_phase, records=1)
        await _transaction(twins["order"], "order", two_phase, records=2, replies=True)
    for service in ("credit_ledger", "card_redemption"):
        involved = [saga for saga in part if saga.two_phase or saga.service == service]
        if involved:
            await _transaction(twins[service], service, involved, facts=True, records=1)
    await _transaction(twins["order"], "order", part, facts=True, done=True)


async def _transaction(
    twin: Twin, service: str, part: Sequence[Settled], *, calls: bool = False, timers: bool = False,
    facts: bool = False, done: bool = False, replies: bool = False, records: int = 0,
) -> None:
    ids = [saga.settlement_id for saga in part]
    connection = twin.connection
    async with connection.transaction():
        for upserts in UPSERTS[service]:
            if upserts.table in twin.tables and (upserts.table == "sagas" or not replies):
                await _upsert(twin, upserts, ids)
        if service != "order" or calls:
            await _answer(twin, ids)
        if timers:
            await _append(twin, "timers", ids)
        if done:
            await connection.execute("delete from ceiling.timers where kind = 'saga' and key = any($1::text[])", ids)
        if facts:
            for table in APPENDS[service]:
                await _append(twin, table, ids)
        await _send(twin, ids, records, facts)
    await connection.execute("delete from ceiling.outbox where lane_id = 1 and seq < $1", twin.seq)


async def _upsert(twin: Twin, upserts: Upserts, ids: Sequence[str]) -> None:
    table = twin.tables[upserts.table]
    rows = dict(zip(table.values(upserts.key, ids), table.of(ids), strict=True))
    if not rows:
        return
    name, columns = f"ceiling.{upserts.table}", ", ".join(table.columns)
    ordered = [rows[key] for key in sorted(rows, key=str)]
    lock = f"order by {upserts.key} for no key update" if upserts.lock else ""
    await twin.connection.fetch(f"select {columns} from {name} where {upserts.key} = any($1) {lock}", list(rows))
    values = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(table.types.values(), 1))
    changes = ", ".join(f"{column} = excluded.{column}" for column in table.columns if column not in table.keys)
    await twin.connection.execute(
        f"""insert into {name} ({columns}) select * from unnest({values})
            on conflict ({', '.join(table.keys)}) do update set {changes}""",
        *(list(column) for column in zip(*ordered, strict=True)),
    )


async def _append(twin: Twin, name: str, ids: Sequence[str]) -> None:
    if name in twin.tables:
        await _copy(twin, name, twin.tables[name].columns, twin.tables[name].of(ids))


async def _answer(twin: Twin, ids: Sequence[str]) -> None:
    """The answers of this batch, each under an id that no other has."""
    twin.seq += 1
    inbox = twin.tables["inbox"]
    place = inbox.columns.index("message_id")
    answers = [(settlement, row) for settlement in ids for row in inbox.rows.get(settlement, ())]
    named = [(*row[:place], f"{settlement}/{twin.seq}", *row[place + 1 :]) for settlement, row in answers]
    await _copy(twin, "inbox", inbox.columns, named)


async def _send(twin: Twin, ids: Sequence[str], records: int, facts: bool) -> None:
    """So many records for each settlement into the outbox, and its events if there are `facts`."""
    payloads: list[object] = [PAYLOAD] * (records * len(ids))
    payloads += twin.tables["events"].values("payload", ids) if facts else []
    rows = [
        (1, twin.seq + n, "settlement.some.topic.v1", 1, ids[0], HEADERS, payload) for n, payload in enumerate(payloads)
    ]
    await _copy(twin, "outbox", _OUTBOX, rows)
    twin.seq += len(rows)


async def _copy(twin: Twin, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    await twin.connection.copy_records_to_table(table, schema_name="ceiling", columns=list(columns), records=rows)
