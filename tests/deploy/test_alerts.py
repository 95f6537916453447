"""Alerts in real faults: an engine is broken and scraped, and promtool judges what was scraped by the very rules.

`alerts_test.yaml` plays every alert with series of nobody's; here the series are those that the engine shows.
"""

import asyncio
import re
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from services.runtime.ground.settings import Settings
from services.runtime.kafka.clients import make_producer
from settle.client.calls import call
from settle.client.customer import Customer
from settle.client.desk import Desk
from settle.client.engine import Engine
from settle.client.requests import fresh
from settle.client.shop import Goods, Payment, Shop, instalments
from settle.client.tokens import Tokens
from settle.local.endpoints import sandboxes_of, targets_of
from settle.local.stack import ACQUIRER, GATEWAY, SERVICES, LocalStack
from settlement.operations.v1 import operations_service_pb2
from tests.deploy import scraping
from tests.deploy.scraping import Scraper
from tests.deploy.test_observability import promtool, rules

pytestmark = [pytest.mark.end_to_end, pytest.mark.long, pytest.mark.timeout(1800)]
FAULT_SECONDS_MAX = 90.0
LOOK_SECONDS = 1.0
BASELINE = 3
REFUNDS = 3
PRICE_MINOR = 1_000
STUCK = timedelta(minutes=20)


class Broken:
    """An engine, and what is done to it."""

    def __init__(self, stack: LocalStack, engine: Engine) -> None:
        self.stack, self.engine = stack, engine
        customer = Customer.new()
        self.shop, self.desk = Shop(engine, customer), Desk(engine, customer)
        self.now = datetime.now(UTC)
        used = {name for rule in rules() for name in re.findall(r"\b(settle_\w+|up)\b", rule["expr"])}
        self.scraper = Scraper(_addresses(stack), used)

    async def until(self, met: Callable[[], bool]) -> None:
        """Scrape on until the metrics have moved."""
        async with asyncio.timeout(FAULT_SECONDS_MAX):
            while not await asyncio.to_thread(met):
                await asyncio.sleep(LOOK_SECONDS)

    async def turn(self, by: timedelta, *services: str) -> None:
        """Move the clocks of these."""
        self.now += by
        at = Timestamp()
        at.FromDatetime(self.now)
        for name in services:
            request = operations_service_pb2.SetClockRequest(request_id=fresh(), time=at)
            await call(self.engine.operations[name].SetClock, request)

    async def sold(self, paid: str) -> str:
        """An order that is shipped, paid with this."""
        order = await self.shop.place([Goods("a thing", 1, PRICE_MINOR)], [Payment(paid, PRICE_MINOR)], instalments(3))
        await self.shop.ship(order.order_id)
        return str(order.order_id)

    async def begin(self) -> None:
        """Scrape anew: what is seen before a fault comes first."""
        self.scraper.scrapes.clear()
        for _ in range(BASELINE):
            await asyncio.to_thread(self.scraper.scrape)


def _addresses(stack: LocalStack) -> dict[str, tuple[str, str]]:
    seats = {name: stack.seats[name] for name in (*SERVICES, GATEWAY)}
    return {name: (name.replace("_", "-"), seat.metrics) for name, seat in seats.items()}


@pytest.fixture
def stack() -> Iterator[LocalStack]:
    """An engine whose time is turned by hand."""
    folder = Path(tempfile.mkdtemp(prefix="settle-alerts-"))
    try:
        with LocalStack(folder / ".run", clock="manual", durable=False, gateway=True) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def a_participant_stands_still(broken: Broken) -> AsyncIterator[None]:
    """The credit ledger is paused, and a settlement waits for it for 20 minutes."""
    order_id = await broken.sold("CREDIT")
    broken.stack.pause("credit_ledger")
    waiting = asyncio.create_task(broken.shop.refund_amount(order_id, 100))
    await asyncio.sleep(LOOK_SECONDS)
    await broken.turn(STUCK, "order")
    await broken.until(lambda: broken.scraper.most("settle_settlement_oldest_seconds") > STUCK.total_seconds() - 60)
    yield
    broken.stack.resume("credit_ledger")
    await broken.turn(timedelta(seconds=1), *SERVICES)
    await waiting


@asynccontextmanager
async def the_bank_is_away(broken: Broken) -> AsyncIterator[None]:
    """The acquirer is killed, and money goes back to cards."""
    orders = [await broken.sold("BANKCARD") for _ in range(REFUNDS)]
    broken.stack.kill(ACQUIRER, revive=False)
    for number, order_id in enumerate(orders, start=1):
        await broken.shop.refund_amount(order_id, 100)
        await broken.until(lambda: broken.scraper.most("settle_rail_answers_total", answer="UNKNOWN") >= number)  # noqa: B023
    yield
    broken.stack.restart(ACQUIRER)
    broken.stack.wait_ready()


@asynccontextmanager
async def a_record_is_nobodys(broken: Broken) -> AsyncIterator[None]:
    """Somebody without a key writes to the topic of commands."""
    producer = make_producer(Settings("nobody", kafka=broken.stack.broker.bootstrap))
    await producer.start()
    await producer.send_and_wait("settlement.credit_ledger.commands.v1", b"{}", b"acc_1", 0)
    await producer.stop()
    await broken.until(lambda: broken.scraper.most("settle_parked_open") > 0)
    yield


@asynccontextmanager
async def kafka_stands_still(broken: Broken) -> AsyncIterator[None]:
    """The broker is paused, and nothing of what is sent is acknowledged."""
    child = broken.stack.broker.child
    assert child is not None
    child.send(signal.SIGSTOP)
    waiting = asyncio.create_task(broken.shop.place(
        [Goods("a thing", 1, PRICE_MINOR)], [Payment("CREDIT", PRICE_MINOR)], instalments(3)
    ))
    await broken.until(lambda: broken.scraper.most("settle_outbox_age_seconds") > 18)
    yield
    child.send(signal.SIGCONT)
    await waiting


@asynccontextmanager
async def the_database_is_away(broken: Broken) -> AsyncIterator[None]:
    """PostgreSQL is stopped."""
    await asyncio.to_thread(broken.stack.stop_postgres)
    await broken.until(lambda: broken.scraper.most("settle_ready", component="card-redemption") == 0)
    yield
    await asyncio.to_thread(broken.stack.start_postgres)
    await broken.until(lambda: broken.scraper.most("settle_ready", component="card-redemption") == 1)


@asynccontextmanager
async def nobody_answers(broken: Broken) -> AsyncIterator[None]:
    """All processes of a service are gone."""
    broken.stack.kill("card_redemption", revive=False)
    await broken.until(lambda: broken.scraper.most("up", component="card-redemption") == 0)
    yield


FAULTS = {
    "SettlementStuck": a_participant_stands_still, "RailUnhealthy": the_bank_is_away,
    "MessagesParked": a_record_is_nobodys, "OutboxStuck": kafka_stands_still, "NotReady": the_database_is_away,
    "ServiceDown": nobody_answers,
}
"""What is done, and which alert it rings; one after the other on one engine."""


async def test_what_is_broken_rings(stack: LocalStack, tmp_path: Path) -> None:
    """Each fault its alert, and none of these rings before the first."""
    said, tokens = stack.endpoints, Tokens.of(stack.endpoints)
    engine = Engine(targets_of(said), sandboxes_of(said), tokens)
    broken, tests = Broken(stack, engine), []
    await broken.turn(timedelta(0), *SERVICES)
    await broken.desk.open_account(10**9, 1, 0)
    await broken.begin()
    tests.append(scraping.played(broken.scraper.scrapes, list(FAULTS), firing=False))
    for alert, breaks in FAULTS.items():
        await broken.begin()
        async with breaks(broken):
            tests.append(scraping.played(broken.scraper.scrapes, [alert], firing=True))
    await engine.close()
    scraping.write(tmp_path / "seen.yaml", tests)

    await asyncio.to_thread(promtool, "test", "rules", str(tmp_path / "seen.yaml"))
