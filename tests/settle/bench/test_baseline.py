"""The saga by hand does its work in all of its databases, and leaves nothing behind."""

import asyncio

import asyncpg

from settle.bench import baseline
from tests.settle.audit.house import House


async def test_each_settlement_is_in_every_book(family: House) -> None:
    """Once, although it is asked for twice."""
    pools = [await asyncpg.create_pool(dsn, min_size=1, max_size=2) for dsn in family.dsns.values()]
    for pool in pools:
        await baseline._prepare(pool)
        for _ in range(2):
            await baseline._take_part(pool, "set-1", 7)

    moved = [await pool.fetchval("select minor from baseline.balances where account = 7") for pool in pools]
    posted = [await pool.fetchval("select count(*) from baseline.ledger") for pool in pools]

    for pool in pools:
        await pool.execute("drop schema baseline cascade")
        await pool.close()
    assert (moved, posted) == ([100] * 3, [1] * 3)


async def test_it_is_measured_by_a_process_of_its_own(family: House) -> None:
    """On these very databases; the tables are gone afterwards."""
    rate = await asyncio.to_thread(baseline.measure, family.dsns, 0.3)

    left = await family.connections["order"].fetchval("select to_regnamespace('baseline')")
    assert rate > 0
    assert left is None
