"""Prints what the gateway costs: `python -m tests.benchmarks.over_http [SECONDS]`.

Starts an engine of its own, durable, and places orders in a closed loop of 32, by turns over gRPC and over
HTTP, so many seconds each and three times over. The ratio of the medians should be 0.5 at least.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from settle.client.customer import Customer
from settle.client.desk import Desk
from settle.client.engine import Engine
from settle.client.requests import fresh, money
from settle.client.tokens import Tokens
from settle.local.endpoints import gateway_of, targets_of
from settle.local.stack import LocalStack
from settlement.common.v1 import tender_pb2
from settlement.order.v1 import order_pb2, order_service_pb2

SECONDS = 6.0
LOOPS = 32
TURNS = 3
WANTED_RATIO = 0.5
FEN = 200

Placing = Callable[[str], Awaitable[None]]
_numbers = count()


def main() -> None:
    """Measure, and print a line for each way and the ratio."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory(prefix="settle-http-") as folder:
        with LocalStack(Path(folder), "auto", "system", durable=True, gateway=True) as stack:
            asyncio.run(_measure(stack.endpoints, seconds))


async def _measure(endpoints: Mapping[str, Any], seconds: float) -> None:  # Any: the values of a JSON file
    tokens = Tokens.of(endpoints)
    assert tokens is not None
    url, token = gateway_of(endpoints), tokens.token("platform")
    engine = Engine(targets_of(endpoints), tokens=tokens)
    customers = [Customer.new() for _ in range(LOOPS)]
    for customer in customers:
        await Desk(engine, customer).open_account(10_000_000, 1, 1)
    ways = {
        "gRPC": [_over_grpc(engine, customer) for customer in customers],
        "HTTP": [await _over_http(url, token, customer) for customer in customers],
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TURNS):
        for name, loops in ways.items():
            found[name].append(await _rate(loops, seconds))
    await engine.close()
    medians = {name: statistics.median(rates) for name, rates in found.items()}
    for name, rates in found.items():
        print(f"{name}  {', '.join(f'{rate:,.0f}' for rate in rates)} orders/s")
    print(f"ratio {medians['HTTP'] / medians['gRPC']:.2f} (wanted: {WANTED_RATIO})")


async def _rate(loops: list[Placing], seconds: float) -> float:
    """Orders a second of all loops together."""
    began, placed = time.perf_counter(), 0

    async def run(place: Placing) -> None:
        nonlocal placed
        while time.perf_counter() - began < seconds:
            await place(f"ord_http_{next(_numbers)}")
            placed += 1

    await asyncio.gather(*map(run, loops))
    return placed / (time.perf_counter() - began)


def _over_grpc(engine: Engine, customer: Customer) -> Placing:
    async def place(order_id: str) -> None:
        await engine.orders.PlaceOrder(order_service_pb2.PlaceOrderRequest(
            request_id=fresh(), order_id=order_id, customer_id=customer.customer_id, merchant_id="books",
            account_id=customer.account_id,
            lines=[order_pb2.NewLine(line_id="L1", quantity=1, unit_price=money(FEN))],
            tenders=[order_pb2.Tender(type=tender_pb2.TENDER_TYPE_CREDIT, amount=money(FEN))],
            credit_terms=tender_pb2.CreditTerms(plan=tender_pb2.PLAN_TYPE_DEFERRED),
        ))

    return place


async def _over_http(url: str, token: str, customer: Customer) -> Placing:
    """The same over a connection that is kept, with no more of a client than the bytes need."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))

    async def place(order_id: str) -> None:
        fen = {"minorUnits": FEN, "currencyCode": "CNY"}
        body = json.dumps({
            "orderId": order_id, "customerId": customer.customer_id, "merchantId": "books",
            "accountId": customer.account_id, "lines": [{"lineId": "L1", "quantity": 1, "unitPrice": fen}],
            "tenders": [{"type": "TENDER_TYPE_CREDIT", "amount": fen}], "creditTerms": {"plan": "PLAN_TYPE_DEFERRED"},
        }).encode()
        head = f"POST /v1/orders HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        head += f"Authorization: Bearer {token}\r\n"
        head += f"Idempotency-Key: {fresh()}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(answer.partition(b"content-length:")[2].partition(b"\r\n")[0])
        said = await reader.readexactly(length)
        assert answer.startswith(b"http/1.1 200"), said

    return place


if __name__ == "__main__":
    main()
