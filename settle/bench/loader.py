"""Fills a fresh engine: the family through the public API, its clones by COPY; statistics of the filled tables."""

import asyncio
import os
import random
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from settle.bench import clones
from settle.bench.customers import Family
from settle.bench.options import REDEMPTION
from settle.bench.recycling import RecyclingFamily
from settle.bench.targets import Target, write_targets
from settle.client.tokens import Tokens
from settle.local import topics
from settle.local.endpoints import dsns_of, targets_of
from settle.local.environs import chain_key

CLONES_AT_A_TIME = 1_000
QUIET_SECONDS_MAX = 30.0
PAYERS = {"credit_ledger": ("agreements", "account_id"), "card_redemption": ("card_tenders", "card_id")}
"""By book, where it says whose money a merchant gets: the shares of a merchant follow that id."""
Say = Callable[[str], None]


async def fill(
    endpoints: Mapping[str, Any], *, mix: str, orders: int, now: datetime, say: Say  # Any: JSON
) -> list[Target]:
    """Store at least `orders` orders as of `now`, where the clock stays; answers all that the load may settle, clone by
    clone."""
    dsns = dsns_of(endpoints)
    services, tokens = targets_of(endpoints), Tokens.of(endpoints)
    family = RecyclingFamily(services, tokens) if mix == REDEMPTION else Family(services, mix, tokens)
    try:
        await family.build(now)
    finally:
        await family.close()
    await _wait_for_quiet(dsns)
    each = len(family.targets)
    count = -(-orders // each)
    began = time.monotonic()
    await _clone(dsns, count)
    say(f"stored {count * each:,} orders in {time.monotonic() - began:.0f} s")
    return [target for clone in range(count) for target in clones.targets_of(family.targets, clone)]


async def _wait_for_quiet(dsns: Mapping[str, str]) -> None:
    deadline = time.monotonic() + QUIET_SECONDS_MAX
    while time.monotonic() < deadline:
        left = 0
        for dsn in dsns.values():
            connection = await asyncpg.connect(dsn)
            left += await connection.fetchval(
                """select (select count(*) from outbox)
                        + (select count(*) from sagas where phase not in ('DONE', 'ABORTED'))"""
            )
            await connection.close()
        if not left:
            return
        await asyncio.sleep(0.1)
    raise TimeoutError("the family's own settlements did not end")


async def _clone(dsns: Mapping[str, str], count: int) -> None:
    ids = clones.Ids()
    connections = {service: await asyncpg.connect(dsn) for service, dsn in dsns.items()}
    forms = {service: await clones.forms_of(connection, ids) for service, connection in connections.items()}
    partitions = {service: await topics.partitions_in(connection) for service, connection in connections.items()}
    ids.derive(await _logged(connections["credit_ledger"]))
    owners = {book: await _owners_of_merchants(connections[book], *columns) for book, columns in PAYERS.items()}
    for connection in connections.values():
        await connection.execute("set synchronous_commit = off")
        await connection.execute("set session_replication_role = replica")  # tables are filled in any order
    for start in range(1, count, CLONES_AT_A_TIME):
        chunk = [ids.of_clone(n) for n in range(start, min(start + CLONES_AT_A_TIME, count))]
        await asyncio.gather(*(
            clones.copy_clones(connection, forms[service], chunk, partitions[service])
            for service, connection in connections.items()
        ))
    for book, known in owners.items():
        await clones.sum_shares(connections[book], known, range(count))
    for connection in connections.values():
        await clones.accept_unlinked(connection, chain_key(os.environ))
        await clones.begin_the_record(connection)
        await connection.execute("vacuum analyze")
        await connection.execute("checkpoint")
        await connection.close()


async def _logged(ledger: clones.Connection) -> list[str]:
    """The place of each operation, from which the ids of repayments and adjustments follow."""
    return [f"{row['account_id']}/{row['number']}" for row in await ledger.fetch(
        "select account_id, number from operations"
    )]


async def _owners_of_merchants(connection: clones.Connection, table: str, owner: str) -> dict[str, str]:
    """The family's merchants have one account, and one card, each, so that their shares can be told apart."""
    rows = await connection.fetch(
        f"select merchant_id, min({owner}) owner, count(distinct {owner}) owners from {table} group by merchant_id"
    )
    if any(row["owners"] != 1 for row in rows):
        raise ValueError(f"a merchant of the family has several of {owner} in {table}")
    return {row["merchant_id"]: row["owner"] for row in rows}


def shuffled(targets: list[Target], file: Path, seed: int) -> None:
    """Write the targets in an order that says nothing about where their rows lie."""
    random.Random(seed).shuffle(targets)
    write_targets(file, targets)
