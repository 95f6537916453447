"""Prints how fast one account settles that everybody wants at once: `python -m tests.benchmarks.hot_account [ORDERS]`.

Starts an engine of its own, durable, has one customer place so many orders at once and cancel them all at once: first
paid by credit and gift card, two participants with a claim on the account between TRY and CONFIRM (BZ-2), then by
credit alone, one participant. Beside each rate: how often a decision of the account's service met a claim.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import asyncpg

from settle.client.calls import call
from settle.client.customer import Customer
from settle.client.desk import Desk
from settle.client.engine import Engine
from settle.client.requests import fresh
from settle.client.shop import Goods, Payment, Shop, instalments
from settle.client.tokens import Tokens
from settle.local.endpoints import dsns_of, targets_of
from settle.local.stack import LocalStack
from settlement.order.v1 import order_pb2, order_service_pb2

ORDERS = 150
GOODS = (Goods("shoes", 1, 200),)
TENDERS = {2: (Payment("CREDIT", 100), Payment("GIFTCARD", 100)), 1: (Payment("CREDIT", 200),)}
WANTED_PER_SECOND = {2: 30, 1: 300}


async def measure(endpoints: Mapping[str, Any], orders: int) -> None:
    """Place and cancel so many orders of one customer at once, for each number of participants."""
    engine = Engine(targets_of(endpoints), tokens=Tokens.of(endpoints))
    shop = Shop(engine, Customer.new())
    await Desk(engine, shop.customer).open_account(10_000_000, 1_000_000, 5_000_000)
    await shop.place(GOODS, TENDERS[2], instalments(3))
    book = await asyncpg.connect(dsns_of(endpoints)["order"])
    metrics = endpoints["services"]["credit_ledger"]["metrics"]

    async def cancel(order_id: str) -> None:
        await call(engine.orders.CancelOrder, order_service_pb2.CancelOrderRequest(
            request_id=fresh(), order_id=order_id, reason=order_pb2.CANCEL_REASON_NOT_WANTED,
        ))

    async def place(tenders: Sequence[Payment]) -> str:
        return str((await shop.place(GOODS, tenders, instalments(3))).order_id)

    for participants, tenders in TENDERS.items():
        placed = await _figure("placements", participants, book, metrics, place, [tenders] * orders)
        await _figure("cancellations", participants, book, metrics, cancel, placed)
    await book.close()
    await engine.close()


async def _figure(
    what: str, participants: int, book: "asyncpg.Connection[asyncpg.Record]", metrics: str,
    begin: Callable[[Any], Awaitable[Any]], each: Sequence[Any],
) -> list[Any]:
    count = len(each)
    since, met = await book.fetchval("select clock_timestamp()"), claims_met(metrics)
    began = time.monotonic()
    answers = await asyncio.gather(*(begin(one) for one in each))
    ended = 0
    while ended < count and time.monotonic() - began < 120:
        await asyncio.sleep(0.1)
        ended = await book.fetchval(
            "select count(*) from sagas where started_at >= $1 and phase in ('DONE', 'ABORTED')", since
        )
    row = await book.fetchrow(
        """select count(*) filter (where phase = 'DONE') done,
                  extract(epoch from max(updated_at) - min(started_at)) took
           from sagas where started_at >= $1""", since,
    )
    assert row is not None
    rate = float(row["done"]) / max(float(row["took"]), 1e-9)
    print(
        f"{participants} participants, {count} {what} at once: {row['done']} done, {rate:.1f}/s"
        f" (wanted {WANTED_PER_SECOND[participants]}), claims met {(claims_met(metrics) - met) / count:.2f} per"
        f" settlement, load {os.getloadavg()[0]:.1f}"
    )
    return answers


def claims_met(metrics: str) -> float:
    """How many decisions of a service met a claim so far."""
    with urlopen(f"http://{metrics}/metrics", timeout=5) as page:
        lines = page.read().decode().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith("settle_claims_met_total ")), 0.0)


def main() -> None:
    """Print the figures."""
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS
    with tempfile.TemporaryDirectory(prefix="settle-hot-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with LocalStack(Path(folder), "auto", "system", durable=True) as stack:
            asyncio.run(measure(stack.endpoints, orders))


if __name__ == "__main__":
    main()
