"""Two processes of every service: what customers and platforms send through both at once happens once."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from settle.audit import auditor, telling
from settle.client.calls import Rejected, call
from settle.client.customer import Customer
from settle.client.desk import Desk
from settle.client.engine import Engine
from settle.client.requests import fresh, money
from settle.client.shop import Goods, Payment, Shop, instalments
from settle.client.tokens import Tokens
from settle.local.endpoints import acquirer_of, dsns_of
from settle.local.stack import LocalStack
from settlement.card_redemption.v1 import card_service_pb2
from settlement.credit_ledger.v1 import credit_service_pb2

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

SERVICES = ("order", "credit_ledger", "card_redemption")
ORDERS = 300
PRICE = 10_000
ACCEPTED = "accepted"


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    """Every service twice."""
    folder = Path(tempfile.mkdtemp(prefix="settle-twice-"))
    try:
        with LocalStack(folder, processes=2, durable=False) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def both(stack: LocalStack) -> AsyncIterator[tuple[Engine, Engine]]:
    """The engine by its first processes, and by its second ones; afterwards the books are audited."""
    first = {name: stack.seats[name].target for name in SERVICES}
    second = {name: stack.seats[f"{name}-2"].target for name in SERVICES}
    tokens = Tokens.of(stack.endpoints)
    engines = Engine(first, tokens=tokens), Engine({**first, **second}, tokens=tokens)
    yield engines
    for engine in engines:
        await engine.rest()
        await engine.close()
    report = await auditor.audit(dsns_of(stack.endpoints), strict=True, acquirer=acquirer_of(stack.endpoints))
    assert report.clean, telling.as_text(report)


async def test_an_order_that_is_placed_through_both_is_placed_once(
    stack: LocalStack, both: tuple[Engine, Engine]
) -> None:
    """A double click under two request ids: one is accepted, the other told that the order exists; each order is
    authorized, holds its credit once, and can be cancelled (findings: proto_double)."""
    gate = asyncio.Semaphore(40)
    customers = [Customer.new() for _ in range(ORDERS)]

    async def opened(customer: Customer) -> None:
        async with gate:
            await Desk(both[0], customer).open_account(1_000_000, 100, 100)

    async def placed(engine: Engine, customer: Customer) -> str:
        try:
            await Shop(engine, customer).place(
                (Goods("shoes", 1, PRICE),), (Payment("CREDIT", PRICE),), instalments(3),
                order_id=f"ord_{customer.account_id}",
            )
        except Rejected as rejected:
            return rejected.reason
        return ACCEPTED

    async def twice(customer: Customer) -> tuple[str, ...]:
        async with gate:
            return tuple(sorted(await asyncio.gather(*(placed(engine, customer) for engine in both))))

    await asyncio.gather(*map(opened, customers))
    answers = Counter(await asyncio.gather(*map(twice, customers)))

    assert answers == {("ORDER_EXISTS", ACCEPTED): ORDERS}
    orders = await asyncpg.connect(dsns_of(stack.endpoints)["order"])
    states = await orders.fetch("select state, count(*) from orders group by state")
    sagas = await orders.fetch("select phase, count(*) from sagas group by phase")
    await orders.close()
    ledger = await asyncpg.connect(dsns_of(stack.endpoints)["credit_ledger"])
    held = await ledger.fetch("select held_minor, count(*) from credit_accounts group by held_minor")
    await ledger.close()
    assert [tuple(row) for row in states] == [("AWAITING_SHIPMENT", ORDERS)]
    assert [tuple(row) for row in sagas] == [("DONE", ORDERS)]
    assert [tuple(row) for row in held] == [(PRICE, ORDERS)]


async def test_an_account_and_a_card_that_are_made_through_both_are_made_once(both: tuple[Engine, Engine]) -> None:
    """Roots of the other services collide likewise; one of two is told that it exists."""
    customers = [Customer.new() for _ in range(50)]

    async def account(engine: Engine, customer: Customer) -> str:
        request = credit_service_pb2.OpenAccountRequest(
            request_id=fresh(), account_id=customer.account_id, customer_id=customer.customer_id, limit=money(PRICE)
        )
        return await answered(engine.credit.OpenAccount, request)

    async def card(engine: Engine, customer: Customer) -> str:
        request = card_service_pb2.IssueCardRequest(
            request_id=fresh(), card_id=customer.card_id, customer_id=customer.customer_id, face=money(PRICE)
        )
        return await answered(engine.cards.IssueCard, request)

    async def twice(make: Callable[[Engine, Customer], Awaitable[str]], customer: Customer) -> tuple[str, ...]:
        return tuple(sorted(await asyncio.gather(*(make(engine, customer) for engine in both))))

    accounts = Counter(await asyncio.gather(*(twice(account, customer) for customer in customers)))
    cards = Counter(await asyncio.gather(*(twice(card, customer) for customer in customers)))

    assert accounts == {("ACCOUNT_EXISTS", ACCEPTED): 50}
    assert cards == {("CARD_EXISTS", ACCEPTED): 50}


async def answered(method: object, request: object) -> str:
    """What a call came to."""
    try:
        await call(method, request)
    except Rejected as rejected:
        return rejected.reason
    return ACCEPTED
