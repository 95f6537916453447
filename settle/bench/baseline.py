"""The baseline: the same saga over three participants by hand, as one would write it without an engine.

Each participant has a database and, for each settlement, a transaction of its own: an inbox row that makes it safe to
repeat, a ledger row, a balance. The caller asks one after the other and waits. No orchestrator, no outbox, no Kafka, no
recovery: a crash between two participants leaves a half. Closed loop of 64 on uvloop, durable as the server is.

It is a process of its own (`python -m settle.bench.baseline SECONDS DSN DSN DSN`), so that nothing of the bench is in
its way; it prints settlements a second.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import count
from typing import TypeAlias

import asyncpg
import uvloop

LOOPS = 64
CONNECTIONS = 16
ACCOUNTS = 10_000
WARM_UP_SECONDS = 2.0
_SCHEMA = """
drop schema if exists baseline cascade;
create schema baseline;
create table baseline.inbox (id text primary key, answer text not null, at timestamptz not null default now());
create table baseline.ledger (
    id bigint generated always as identity primary key, settlement_id text not null, account bigint not null,
    amount_minor bigint not null, at timestamptz not null default now()
);
create table baseline.balances (account bigint primary key, minor bigint not null, version bigint not null);
"""
_SEEN = "select answer from baseline.inbox where id = $1"
_POST = "insert into baseline.ledger (settlement_id, account, amount_minor) values ($1, $2, $3)"
_MOVE = "update baseline.balances set minor = minor + $2, version = version + 1 where account = $1 returning minor"
_KEEP = "insert into baseline.inbox (id, answer) values ($1, $2)"

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"


def measure(dsns: Mapping[str, str], seconds: float) -> float:
    """Settlements a second on these databases."""
    command = [sys.executable, "-P", "-m", "settle.bench.baseline", str(seconds), *dsns.values()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60 + 3 * seconds)
    return float(done.stdout)


async def _run(seconds: float, dsns: Sequence[str]) -> float:
    pools = [await asyncpg.create_pool(dsn, min_size=CONNECTIONS, max_size=CONNECTIONS) for dsn in dsns]
    try:
        for pool in pools:
            await _prepare(pool)
        await _loops(pools, WARM_UP_SECONDS, "warm")
        began = time.perf_counter()
        settled = await _loops(pools, seconds, "set")
        return settled / (time.perf_counter() - began)
    finally:
        for pool in pools:
            await pool.execute("drop schema if exists baseline cascade")
            await pool.close()


async def _prepare(pool: Pool) -> None:
    await pool.execute(_SCHEMA)
    await pool.execute("insert into baseline.balances select n, 0, 0 from generate_series(0, $1) n", ACCOUNTS - 1)
    await pool.execute("analyze baseline.balances")


async def _loops(pools: Sequence[Pool], seconds: float, word: str) -> int:
    """How many settlements all loops finished in the time."""
    until, numbers = time.perf_counter() + seconds, count()
    settled = await asyncio.gather(*(_loop(pools, until, word, numbers) for _ in range(LOOPS)))
    return sum(settled)


async def _loop(pools: Sequence[Pool], until: float, word: str, numbers: "count[int]") -> int:
    settled = 0
    while time.perf_counter() < until:
        number = next(numbers)
        for pool in pools:
            await _take_part(pool, f"{word}-{number}", number * 7919 % ACCOUNTS)
        settled += 1
    return settled


async def _take_part(pool: Pool, settlement_id: str, account: int) -> None:
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(_SEEN, settlement_id) is not None:
            return
        await connection.execute(_POST, settlement_id, account, 100)
        minor = await connection.fetchval(_MOVE, account, 100)
        await connection.execute(_KEEP, settlement_id, f"balance {minor}")


if __name__ == "__main__":
    print(uvloop.run(_run(float(sys.argv[1]), sys.argv[2:])))  # noqa: T201  # what its starter reads
