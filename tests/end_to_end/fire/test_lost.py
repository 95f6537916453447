"""Kafka forgets, and nothing is lost: the events of every aggregate come again as they were first sent, and so does
what one service told another (findings: proto_notice)."""

import asyncio
import time

import asyncpg
import pytest

from services.runtime.ground.records import topic
from settle.client.calls import Fault, call
from settle.client.customer import Customer
from settle.client.desk import Desk
from settle.client.engine import Engine
from settle.client.requests import fresh
from settle.client.shop import Goods, Payment, Shop, instalments
from settle.client.tokens import Tokens
from settle.local.endpoints import targets_of
from settlement.common.v1 import tender_pb2
from settlement.credit_ledger.v1 import credit_service_pb2
from settlement.order.v1 import order_pb2
from tests.end_to_end.fire import topics
from tests.end_to_end.fire.conftest import Fire
from tests.end_to_end.fire.test_fire import _burn, _until, verify

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(300)]

LOST_SECONDS_MAX = 90.0
PRICE = 10_000
_BY_THE_SERVICE = "select count(*), count(ended_at) from republications where reason = 'kafka lost events'"


async def _republished(fire: Fire, before: dict[str, int]) -> bool:
    """Whether every service found its topic anew since, and published all of it again."""
    for name, dsn in fire.dsns.items():
        connection = await asyncpg.connect(dsn)
        asked, ended = await connection.fetchrow(_BY_THE_SERVICE) or (0, 0)
        await connection.close()
        if asked != ended or asked <= before[name]:
            return False
    return True


async def _asked(fire: Fire) -> dict[str, int]:
    asked = {}
    for name, dsn in fire.dsns.items():
        connection = await asyncpg.connect(dsn)
        asked[name] = (await connection.fetchrow(_BY_THE_SERVICE) or (0, 0))[0]
        await connection.close()
    return asked


async def _hold_all_events(fire: Fire, before: list[topics.Seen]) -> None:
    """What stood there stands there again, byte for byte; what the databases tell is there, in order, without a gap."""
    after = await asyncio.to_thread(topics.read, fire.stack.broker.bootstrap, topics.event_topics())
    told = {seen.identity: seen for seen in after}
    assert [seen.identity for seen in before if told.get(seen.identity) != seen] == []
    numbers = topics.numbers(after)
    for name, dsn in fire.dsns.items():
        connection = await asyncpg.connect(dsn)
        kept = await connection.fetch("select aggregate_id, sequence, payload from events")
        last = await connection.fetch("select aggregate_id, max(sequence) from events group by 1")
        await connection.close()
        missing = [(row[0], row[1]) for row in kept if (seen := told.get(f"{row[0]}/{row[1]}")) is None
                   or seen.value != row[2]]
        assert (name, missing[:5]) == (name, [])
        assert [row[0] for row in last if not topics.whole(numbers[row[0]], row[1])] == []


@pytest.mark.parametrize("how", ["deleted and made anew", "all of Kafka"])
async def test_no_event_is_lost(fire: Fire, how: str) -> None:
    """In the middle of 500 settlements the topics of the events are lost, by themselves or with all of Kafka."""
    bootstrap, asked = fire.stack.broker.bootstrap, await _asked(fire)
    before = await asyncio.to_thread(topics.read, bootstrap, topics.event_topics())

    async def accident() -> None:
        if how == "all of Kafka":
            await asyncio.to_thread(fire.stack.wipe_kafka)
        else:
            await asyncio.to_thread(topics.make_anew, bootstrap, topics.event_topics())

    await _burn(fire, accident)
    await _until(lambda: _republished(fire, asked), LOST_SECONDS_MAX)

    assert await _republished(fire, asked)
    await _hold_all_events(fire, before)


async def test_a_notice_that_kafka_lost_comes_again(fire: Fire) -> None:
    """The network confirms a refund while the order sleeps, and the log of what it is told is lost: the refund
    was PENDING_CHANNEL for ever, and the order could never be refunded again."""
    engine = Engine(targets_of(fire.stack.endpoints), tokens=Tokens.of(fire.stack.endpoints))
    customer = Customer.new()
    shop = Shop(engine, customer)
    await Desk(engine, customer).open_account(1_000_000, 10_000, 0)
    terms = instalments(3)
    terms.route = tender_pb2.CREDIT_ROUTE_FLASH
    order_id = (await shop.place([Goods("lamp", 1, PRICE)], [Payment("CREDIT", PRICE)], terms)).order_id
    await shop.ship(order_id)
    await shop.refund_amount(order_id, PRICE)

    fire.stack.pause("order")
    try:
        await call(engine.credit.ConfirmFlashRefund, credit_service_pb2.ConfirmFlashRefundRequest(
            request_id=fresh(), account_id=customer.account_id, order_id=order_id
        ))
        await _until(lambda: _told(fire), 10.0)
        await asyncio.to_thread(topics.forget, fire.stack.broker.bootstrap, topic("order", "replies"))
    finally:
        fire.stack.resume("order")

    deadline = time.monotonic() + LOST_SECONDS_MAX
    state = order_pb2.ORDER_STATE_UNSPECIFIED
    while state != order_pb2.ORDER_STATE_FULLY_REFUNDED and time.monotonic() < deadline:
        try:
            state = (await shop.order(order_id)).state
        except Fault:
            state = order_pb2.ORDER_STATE_UNSPECIFIED
        await asyncio.sleep(0.2)
    await engine.close()
    assert state == order_pb2.ORDER_STATE_FULLY_REFUNDED
    await verify(fire)


async def _told(fire: Fire) -> bool:
    """Whether the notice is in Kafka: it waits, and nothing is unpublished."""
    connection = await asyncpg.connect(fire.dsns["credit_ledger"])
    told = await connection.fetchval("select exists(select from notices) and not exists(select from outbox)")
    await connection.close()
    return bool(told)
