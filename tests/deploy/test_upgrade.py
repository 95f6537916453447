"""A release is put in the place of another, process by process, under load, and taken back again: nobody notices."""

import asyncio
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import httpx2
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.unknown_fields import UnknownFieldSet

from services.runtime.rpc.server import RETRY_UNAVAILABLE
from settle.audit import auditor, telling
from settle.client.channels import Option
from settle.client.customer import Customer
from settle.client.desk import Desk
from settle.client.engine import Engine
from settle.client.requests import fresh, money
from settle.client.tokens import Tokens
from settle.local import ports
from settle.local.endpoints import acquirer_of, dsns_of, gateway_of, sandboxes_of, targets_of
from settle.local.stack import GATEWAY, LocalStack
from settlement.common.v1 import tender_pb2
from settlement.order.v1 import order_pb2, order_service_pb2, settlement_pb2
from tests.deploy import next_version

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(900)]
CUSTOMERS = 4
CALL_SECONDS = 30.0
HTTP_ATTEMPTS, HTTP_PAUSE_SECONDS = 20, 0.1
PRICE_MINOR = 1_000
RETRIED: Sequence[Option] = (("grpc.service_config", RETRY_UNAVAILABLE),)
"""What any client of gRPC has that tries UNAVAILABLE again."""
ENDED = {settlement_pb2.SETTLEMENT_STATE_DONE, settlement_pb2.SETTLEMENT_STATE_ABORTED}
SECOND_GATEWAY = f"{GATEWAY}-2"
SHORT = ("order", "order-2")
LONG = (*SHORT, "credit_ledger", "credit_ledger-2", "card_redemption", "card_redemption-2", GATEWAY, SECOND_GATEWAY)


@dataclass
class Load:
    """Who calls meanwhile: what it was told, by version, and every call that failed."""

    engine: Engine
    urls: Sequence[str]
    token: str
    over: asyncio.Event = field(default_factory=asyncio.Event)
    failed: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    said_by: set[int] = field(default_factory=set)
    """The numbers of fields that only another release knows, of late."""

    async def answered(self, method: Any, request: Any) -> Any:
        """The answer of one call."""
        answer = await method(request, timeout=CALL_SECONDS)
        self.done[type(request).__name__] += 1
        return answer

    async def ended(self, settlement: settlement_pb2.Settlement) -> settlement_pb2.Settlement:
        """Watch it until its end; a stream that ended because its process did is opened again."""
        request = order_service_pb2.WatchSettlementRequest(settlement_id=settlement.settlement_id)
        while settlement.state not in ENDED:
            try:
                async for step in self.engine.orders.WatchSettlement(request, timeout=CALL_SECONDS):
                    settlement = step.settlement
                self.done["WatchSettlement"] += 1
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                self.done["watched again"] += 1
        return settlement

    async def trade(self, customer: Customer) -> None:
        """Orders that are placed, read and cancelled, until it is over."""
        orders = self.engine.orders
        while not self.over.is_set():
            placed = await self.answered(orders.PlaceOrder, placing(customer))
            assert (await self.ended(placed.settlement)).state == settlement_pb2.SETTLEMENT_STATE_DONE
            read = order_service_pb2.GetOrderRequest(order_id=placed.order.order_id)
            seen = await self.answered(orders.GetOrder, read)
            unknown = UnknownFieldSet(seen.order)
            self.said_by |= {unknown[n].field_number for n in range(len(unknown))} or {0}
            cancelling = order_service_pb2.CancelOrderRequest(
                request_id=fresh(), order_id=placed.order.order_id, reason=order_pb2.CANCEL_REASON_NOT_WANTED,
                wait_timeout=Duration(seconds=10),
            )
            cancelled = await self.answered(orders.CancelOrder, cancelling)
            assert (await self.ended(cancelled.settlement)).state == settlement_pb2.SETTLEMENT_STATE_DONE

    async def browse(self, order_id: str) -> None:
        """Calls over HTTP, each at one gateway after the other until one answers, as a proxy before them does it."""
        known = {"Authorization": f"Bearer {self.token}"}
        async with httpx2.AsyncClient(trust_env=False, headers=known, timeout=CALL_SECONDS) as http:
            while not self.over.is_set():
                status = await self._asked(http, f"/v1/orders/{order_id}")
                assert status == 200, status
                self.done["HTTP"] += 1

    async def _asked(self, http: httpx2.AsyncClient, path: str) -> int:
        status = 0
        for attempt in range(HTTP_ATTEMPTS):
            try:
                answer = await http.get(self.urls[attempt % len(self.urls)] + path)
            except httpx2.TransportError:
                self.done["gateway away"] += 1
            else:
                status = int(answer.status_code)
                if status != 503:
                    break
            await asyncio.sleep(HTTP_PAUSE_SECONDS)
        return status

    async def noting(self, work: Awaitable[None]) -> None:
        """Have its failure be one of all, and the others go on."""
        try:
            await work
        except (grpc.aio.AioRpcError, httpx2.HTTPError, AssertionError) as error:
            self.failed.append(repr(error))

    async def versions(self, releases: int = 1) -> set[int]:
        """Who answers from now on; so many are waited for, since a channel comes back to a process in its own time."""
        self.said_by.clear()
        wanted, until = self.done["GetOrderRequest"] + 6 * CUSTOMERS, time.monotonic() + CALL_SECONDS
        while self.done["GetOrderRequest"] < wanted and not self.failed:
            await asyncio.sleep(0.05)
        while len(self.said_by) < releases and not self.failed and time.monotonic() < until:
            await asyncio.sleep(0.05)
        return set(self.said_by)


def placing(customer: Customer) -> order_service_pb2.PlaceOrderRequest:
    """An order on credit."""
    return order_service_pb2.PlaceOrderRequest(
        request_id=fresh(), customer_id=customer.customer_id, merchant_id="books", account_id=customer.account_id,
        lines=[order_pb2.NewLine(line_id="L1", quantity=1, unit_price=money(PRICE_MINOR))],
        tenders=[order_pb2.Tender(type=tender_pb2.TENDER_TYPE_CREDIT, amount=money(PRICE_MINOR))],
        credit_terms=tender_pb2.CreditTerms(plan=tender_pb2.PLAN_TYPE_DEFERRED), wait_timeout=Duration(seconds=10),
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the engine and the next release lie."""
    made = Path(tempfile.mkdtemp(prefix="settle-upgrade-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def add_gateway(stack: LocalStack) -> str:
    """A second gateway beside the first; answers its URL."""
    first = stack.seats[GATEWAY]
    own, metrics = (f"{ports.HOST}:{port}" for port in ports.free_ports(2))
    environ = dict(first.environ) | {"SETTLE_LISTEN": own, "SETTLE_METRICS_LISTEN": metrics}
    stack.seats[SECOND_GATEWAY] = replace(
        first, name=SECOND_GATEWAY, environ=environ, target=f"http://{own}", metrics=metrics, child=None, pipe=None
    )
    stack.restart(SECOND_GATEWAY)
    stack.wait_ready()
    return f"http://{own}"


@asynccontextmanager
async def loaded(stack: LocalStack) -> AsyncIterator[Load]:
    """The load, for the block."""
    said, tokens = stack.endpoints, Tokens.of(stack.endpoints)
    assert tokens is not None
    urls = [gateway_of(said), await asyncio.to_thread(add_gateway, stack)]
    engine = Engine(targets_of(said), sandboxes_of(said), tokens, RETRIED)
    load = Load(engine, urls, tokens.token("platform"))
    customers = [Customer.new() for _ in range(CUSTOMERS)]
    for customer in customers:
        await Desk(engine, customer).open_account(10**9, 1, 0)
    first = await load.answered(engine.orders.PlaceOrder, placing(customers[0]))
    async with asyncio.TaskGroup() as calling:
        for work in (*map(load.trade, customers), load.browse(first.order.order_id)):
            calling.create_task(load.noting(work))
        try:
            yield load
        finally:
            load.over.set()
    await engine.rest()
    await engine.close()


@pytest.mark.parametrize("names", [SHORT, pytest.param(LONG, marks=pytest.mark.long)], ids=["orders", "all"])
async def test_a_release_comes_and_goes_under_load(folder: Path, names: Sequence[str]) -> None:
    """Old and new processes beside each other, then only new ones, and back: no call fails, every settlement ends, and
    the books hold."""
    release = next_version.make(folder / "next")
    with LocalStack(folder / ".run", durable=False, processes=2, gateway=True) as stack:
        async with loaded(stack) as load:
            told = [await load.versions()]
            for path in (str(release), ""):
                for number, name in enumerate(names):
                    await asyncio.to_thread(exchange, stack, name, path)
                    if number == 0:
                        told.append(await load.versions(releases=2))
                told.append(await load.versions())
        verdict = await auditor.audit(dsns_of(stack.endpoints), strict=True, acquirer=acquirer_of(stack.endpoints))
        applied = await migrations(stack)

    assert load.failed == []
    assert told == [{0}, {0, next_version.NUMBER}, {next_version.NUMBER}, {0, next_version.NUMBER}, {0}]
    assert "order/9999_next" in applied
    assert verdict.clean, telling.as_text(verdict)
    assert min(load.done["WatchSettlement"], load.done["HTTP"]) > 0


def exchange(stack: LocalStack, name: str, path: str) -> None:
    """Stop one process in good order, and start it with the code of this path."""
    seat = stack.seats[name]
    before = [path] if path else []
    kept = os.environ.get("PYTHONPATH", "")
    seat.environ = dict(seat.environ) | {"PYTHONPATH": os.pathsep.join([*before, *([kept] if kept else [])])}
    stack.restart(name)
    stack.wait_ready()


async def migrations(stack: LocalStack) -> set[str]:
    """What the database of orders has seen."""
    connection = await asyncpg.connect(dsns_of(stack.endpoints)["order"])
    rows = await connection.fetch("select version from schema_migrations")
    await connection.close()
    return {row["version"] for row in rows}
