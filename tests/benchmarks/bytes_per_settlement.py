"""Prints what a settlement leaves in each table: `python -m tests.benchmarks.bytes_per_settlement [SETTLEMENTS]`.

Orders paid with a gift card among the tenders are cancelled or returned on a whole engine. Bytes are those of a table
with its indexes and long values, after a VACUUM FULL of both states, so that room for updates does not count.
"""

import asyncio
import sys
from collections.abc import Mapping

import asyncpg

from settle.audit import auditor
from settle.client.tokens import Tokens
from tests.end_to_end.fire.client import Client
from tests.end_to_end.fire.conftest import Fire, burning, filled, folder

SETTLEMENTS = 2_000
BYTES_MIN = 8
"""What is less a settlement is not shown."""
_SIZES = """select relname, pg_total_relation_size(oid) from pg_class
            where relkind = 'r' and relnamespace = 'public'::regnamespace"""


def main() -> None:
    """Print service, table, and bytes a settlement, the largest first."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else SETTLEMENTS
    with folder() as data:
        targets = filled(data, count)
        with burning(data) as stack:
            grown = asyncio.run(_grown(Fire(stack, iter(targets)), count))
    for (service, table), size in sorted(grown.items(), key=lambda item: -item[1]):
        if size >= BYTES_MIN * count:
            print(f"{service:<16} {table:<24} {size / count:>8,.0f}")
    print(f"{'all':<41} {sum(grown.values()) / count:>8,.0f}")


async def _grown(fire: Fire, count: int) -> Mapping[tuple[str, str], int]:
    before = await _sizes(fire)
    client = Client(fire.addresses, Tokens.of(fire.stack.endpoints))
    await client.settle(fire.take(count), 1)
    await client.close()
    await auditor.audit(fire.dsns, wait_seconds=60.0, strict=True)
    after = await _sizes(fire)
    return {name: size - before.get(name, 0) for name, size in after.items()}


async def _sizes(fire: Fire) -> dict[tuple[str, str], int]:
    sizes = {}
    for service, dsn in fire.dsns.items():
        connection = await asyncpg.connect(dsn)
        await connection.execute("vacuum full")
        sizes.update({(service, row[0]): row[1] for row in await connection.fetch(_SIZES)})
        await connection.close()
    return sizes


if __name__ == "__main__":
    main()
