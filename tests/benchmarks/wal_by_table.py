"""Prints which table and index writes how much WAL for one settlement: `python -m tests.benchmarks.wal_by_table [MIX]`.

Starts an engine of its own, durable, stores orders, settles them in a closed loop and reads the records of that time
with `pg_walinspect`. Bytes are exact on a busy machine too, but for the images of pages after a checkpoint, which are
counted apart.
"""

import asyncio
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from settle.bench import loader
from settle.bench.load_process import LoadProcess
from settle.bench.options import REDEMPTION
from settle.local.endpoints import dsns_of
from settle.local.stack import LocalStack

ORDERS, WARM_UP_SECONDS, SECONDS = 9_000, 3, 4
SHOWN = 40
_RELATION = re.compile(r"rel \d+/(\d+)/(\d+)")
_OWNER = re.compile(r"//[^@/]*@")
_RECORDS = """
    select resource_manager || ' ' || record_type kind, block_ref, record_length - fpi_length bytes,
           fpi_length
    from pg_get_wal_records_info($1, $2)"""
_PLACES = """select (select oid::bigint from pg_database where datname = current_database()) database,
                    pg_relation_filenode(oid)::bigint file, current_database() || '.' || relname name
             from pg_class where pg_relation_filenode(oid) is not null"""


async def measure(endpoints: Mapping[str, Any], file: Path, mix: str) -> None:
    """Settle for a while, and say what each relation wrote."""
    dsns = dsns_of(endpoints)
    owner = await asyncpg.connect(_OWNER.sub("//postgres@", dsns["order"]))
    await owner.execute("create extension if not exists pg_walinspect")
    load = LoadProcess(endpoints, file, "card_redemption" if mix == REDEMPTION else "order")
    try:
        await load.ask(f"closed {WARM_UP_SECONDS}")
        began = await owner.fetchval("select pg_current_wal_flush_lsn()")
        settled = (await load.ask(f"closed {SECONDS}"))["settled"]
        ended = await owner.fetchval("select pg_current_wal_flush_lsn()")
    finally:
        load.stop()
    records = await owner.fetch(_RECORDS, began, ended)
    await owner.close()
    _say(records, await _names(dsns), settled)


async def _names(dsns: Mapping[str, str]) -> dict[tuple[int, int], str]:
    """What each file is: a table or an index of one of the databases."""
    names: dict[tuple[int, int], str] = {}
    for dsn in dsns.values():
        connection = await asyncpg.connect(dsn)
        names |= {(row[0], row[1]): row[2] for row in await connection.fetch(_PLACES)}
        await connection.close()
    return names


def _say(records: list[Any], names: Mapping[tuple[int, int], str], settled: int) -> None:  # Any: rows
    written, kinds, images = Counter[str](), Counter[tuple[str, str]](), 0
    for kind, blocks, count, image in records:
        found = _RELATION.search(blocks or "")
        name = names.get((int(found[1]), int(found[2])), "others") if found else "no relation"
        written[name] += count
        kinds[name, kind] += count
        images += image or 0
    print(f"{settled} settled: {written.total() / settled:,.0f} bytes each, and {images / settled:,.0f} of page images")
    for name, count in written.most_common(SHOWN):
        parts = [(kind, part) for (of, kind), part in kinds.most_common() if of == name][:3]
        print(f"{count / settled:8,.0f}  {name:44}", ", ".join(f"{kind} {part / settled:.0f}" for kind, part in parts))


def main(mix: str) -> None:
    """Store, settle, say."""
    with tempfile.TemporaryDirectory(prefix="settle-wal-", ignore_cleanup_errors=True) as folder:
        data, file = Path(folder), Path(folder) / "targets"
        data.chmod(0o755)
        with LocalStack(data, "kafka", "manual", say=print) as stack:
            loader.shuffled(asyncio.run(loader.fill(
                stack.endpoints, mix=mix, orders=ORDERS, now=datetime.now(UTC),
                say=print,
            )), file, 1)
            asyncio.run(measure(stack.endpoints, file, mix))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "credit")
