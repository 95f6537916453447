"""A customer and a merchant get back so many refunds, and so much money, in one day in Shanghai, and no more."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.kernel.decision import Refused
from services.kernel.effects import Arrived
from services.kernel.errors import FailedPrecondition
from services.kernel.messages import Message
from services.order.__main__ import SERVICE
from services.order.domain.commands import CancelOrder, ConfirmReceipt, ConfirmShipment, RefundAmount
from services.order.domain.refund_days import (
    CUSTOMER_COUNT,
    CUSTOMER_MINOR,
    LIMITS,
    MERCHANT_COUNT,
    MERCHANT_MINOR,
    RefundDay,
)
from services.runtime.ground.postgres import connect_lane
from services.runtime.ground.settings import Settings, SettingsError
from tests.services.batches import check_saved
from tests.services.order.shop import ALL_TABLES, Shop
from tests.services.order.world import ORDER_ID, TWO, World, new_order, placed, sent_back, shipped, units

MIDNIGHT = datetime(2026, 3, 10, 16, 0, tzinfo=UTC)
"""In Shanghai the 11th begins."""
TICK = timedelta(microseconds=1)


def refund(world: World, amount_minor: int = 100) -> str:
    """Ask for money back, and let it be paid; why it was refused, or nothing."""
    reason = world.ask(RefundAmount(ORDER_ID, amount_minor, "why")).reason
    world.settle()
    return reason


def limited(limits: Mapping[str, int]) -> World:
    """A shipped order in a service with these limits."""
    world = shipped()
    world.limits = limits
    return world


@pytest.mark.parametrize("limit", [CUSTOMER_COUNT, MERCHANT_COUNT])
def test_so_many_refunds_begin_in_a_day_and_no_more(limit: str) -> None:
    """One below the limit, at it, one above; what is refused moves nothing and says until when."""
    world = limited({limit: 2})
    assert (refund(world), refund(world)) == ("", "")
    before, rows = world.order, dict(world.rows)

    refused = world.ask(RefundAmount(ORDER_ID, 100, "why")).outcome

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.status) == ("REFUND_LIMIT_REACHED", "FAILED_PRECONDITION")
    assert dict(refused.metadata) == {"limit": limit, "at_most": "2", "until": MIDNIGHT.isoformat()}
    assert (world.order, world.rows, world.sent) == (before, rows, [])


@pytest.mark.parametrize("limit", [CUSTOMER_MINOR, MERCHANT_MINOR])
@pytest.mark.parametrize(("second", "reason"), [(699, ""), (700, ""), (701, "REFUND_LIMIT_REACHED")])
def test_so_much_money_goes_back_in_a_day(limit: str, second: int, reason: str) -> None:
    """To the fen; and what was refused leaves room for less."""
    world = limited({limit: 1_000})
    assert refund(world, 300) == ""

    assert refund(world, second) == reason
    assert refund(world, 1) == ("REFUND_LIMIT_REACHED" if second == 700 else "")


@pytest.mark.parametrize(("early", "reason"), [(TICK, "REFUND_LIMIT_REACHED"), (0 * TICK, ""), (-TICK, "")])
def test_a_day_ends_at_midnight_in_shanghai(early: timedelta, reason: str) -> None:
    """The last instant of a day is of it, the next one begins another."""
    world = limited(dict.fromkeys(LIMITS, 1_000) | {CUSTOMER_COUNT: 1})
    assert refund(world) == ""

    world.now = MIDNIGHT - early
    assert refund(world) == reason
    assert refund(world) == "REFUND_LIMIT_REACHED"
    assert world.row(RefundDay, "merchant/merchant").day == (MIDNIGHT - early + timedelta(hours=8)).date()


def test_a_clock_that_goes_back_begins_no_day_anew() -> None:
    """It counts for the later day."""
    world = limited({CUSTOMER_COUNT: 2})
    world.now = MIDNIGHT
    assert refund(world) == ""

    world.now = MIDNIGHT - timedelta(hours=1)
    assert (refund(world), refund(world)) == ("", "REFUND_LIMIT_REACHED")


def test_customers_and_merchants_are_counted_each_for_themselves() -> None:
    """What another customer got back at another merchant's takes no room."""
    world = limited(dict.fromkeys(LIMITS, 1))
    other = replace(new_order(), order_id="ord_2", customer_id="cus_2", merchant_id="mer_2")
    world.given(replace(world.order, id="ord_2", customer_id="cus_2", merchant_id="mer_2", refunds=(), sequence=0))
    assert world.ask(RefundAmount(ORDER_ID, 1, "why")).reason == ""
    world.sent.clear()

    arrived = Arrived(Message("r2", other.order_id, RefundAmount("ord_2", 1, "why"), "2" * 32))
    assert not world.admit(arrived).busy
    for subject in ("customer/customer", "merchant/merchant", "customer/cus_2", "merchant/mer_2"):
        assert world.row(RefundDay, subject).refunds == 1


def test_a_repeated_request_counts_once() -> None:
    """It hears what it heard before, whether that was yes or no, also when the day is another."""
    world = limited({CUSTOMER_COUNT: 1})
    first, second = (
        Message(name, ORDER_ID, RefundAmount(ORDER_ID, 100, "why"), name * 32) for name in ("a", "b")
    )
    assert world.step(Arrived(first, b"")).reason == ""
    world.settle()
    assert world.step(Arrived(first, b"")).reason == ""
    assert world.row(RefundDay, "customer/customer").refunds == 1

    assert world.step(Arrived(second, b"")).reason == "REFUND_LIMIT_REACHED"
    world.now = MIDNIGHT
    assert world.step(Arrived(second, b"")).reason == "REFUND_LIMIT_REACHED"
    assert refund(world) == ""


def test_goods_that_came_back_wait_for_room_and_what_gives_no_money_back_needs_none() -> None:
    """A receipt is refused like any refund, and succeeds the next day; a cancellation and trade are no refunds; goods
    for which nothing is left to be paid come in."""
    world = shipped(TWO)
    world.limits = {MERCHANT_COUNT: 1}
    case = sent_back(world, L1=1)
    assert refund(world, 69_999) == ""
    assert world.ask(ConfirmReceipt(ORDER_ID, case.id)).reason == "REFUND_LIMIT_REACHED"
    world.now = MIDNIGHT
    assert world.ask(ConfirmReceipt(ORDER_ID, case.id, units(L1=1))).reason == ""
    world.settle()
    last = sent_back(world, L1=1, L2=1)
    world.limits = {MERCHANT_COUNT: 2}
    assert refund(world, 1) == ""
    world.limits = {MERCHANT_MINOR: 1}

    assert world.ask(ConfirmReceipt(ORDER_ID, last.id)).reason == ""
    cancelled = placed()
    cancelled.limits = {MERCHANT_MINOR: 1, CUSTOMER_MINOR: 1}
    assert cancelled.ask(CancelOrder(ORDER_ID, "customer", "not wanted")).reason == ""
    assert placed().ask(ConfirmShipment(ORDER_ID)).reason == ""


def test_without_a_limit_nothing_is_counted_nor_locked() -> None:
    """No row is looked for, so the way of a refund costs nothing more."""
    world = limited(dict.fromkeys(LIMITS, 0))
    assert refund(world) == ""

    assert not [key for key in world.rows if key[0] is RefundDay]


@pytest.mark.parametrize("text", ["-1", "many", "1.5", "1e3", "1" * 30, "٣"])
def test_a_limit_is_a_whole_number(text: str) -> None:
    """Anything else keeps the service from starting; its own name goes before the general one, as everywhere."""
    general, own = f"SETTLE_{MERCHANT_MINOR.upper()}", f"SETTLE_ORDER_{MERCHANT_MINOR.upper()}"
    with pytest.raises(SettingsError, match=general):
        Settings.from_environ({general: text}, "order").limit(MERCHANT_MINOR)

    settings = Settings.from_environ({general: text, own: "7"}, "order")
    assert (settings.limit(MERCHANT_MINOR), settings.limit(CUSTOMER_MINOR), SERVICE.limits) == (7, 0, LIMITS)


async def shop_with_orders(shop: Shop, count: int) -> None:
    """Shipped orders of one customer at one merchant."""
    for number in range(count):
        await shop.ask(f"ord_{number}", replace(new_order(), order_id=f"ord_{number}"))
        await shop.settle()
        await shop.ask(f"ord_{number}", ConfirmShipment(f"ord_{number}"))
        await shop.settle()


@pytest.mark.asyncio(loop_scope="session")
async def test_a_batch_counts_each_of_its_refunds(shop: Shop) -> None:
    """They are decided one on top of the other, in one transaction, and the row is what was counted."""
    await shop_with_orders(shop, 4)
    shop.limits = {CUSTOMER_COUNT: 3, MERCHANT_MINOR: 1_000}
    calls = [shop.call(f"ord_{number}", RefundAmount(f"ord_{number}", 100, "why")) for number in range(4)]

    batch = await shop.run(*calls)

    refused = [batch.encoded.answered[call.id].verdict.value for call in calls]
    assert refused == ["DONE"] * 3 + ["REFUSED"]
    rows = await shop.connection.fetch("select id, refunds, amount_minor, version from refund_days order by id")
    assert [tuple(row) for row in rows] == [("customer/customer", 3, 300, 3), ("merchant/merchant", 3, 300, 3)]
    await check_saved(shop.connection, ALL_TABLES, batch.effects)
    with pytest.raises(FailedPrecondition, match="customer/customer"):
        await shop.ask("ord_3", RefundAmount("ord_3", 100, "why"))


@pytest.mark.asyncio(loop_scope="session")
async def test_two_lanes_at_once_give_back_no_more_than_one(shop: Shop) -> None:
    """The second waits for the row that the first has locked, and decides on what it left."""
    await shop_with_orders(shop, 3)
    shop.limits = {CUSTOMER_COUNT: 2}
    await shop.ask("ord_0", RefundAmount("ord_0", 100, "why"))
    database = await shop.connection.fetchval("select current_database()")
    port = await shop.connection.fetchval("select inet_server_port()")
    dsn = f"postgresql://postgres@127.0.0.1:{port}/{database}"
    other = Shop(await connect_lane(Settings("order", dsn=dsn)), limits=shop.limits)
    other._numbers = iter(range(1_000, 2_000))

    answers = await asyncio.gather(*(
        each.ask(key, RefundAmount(key, 100, "why")) for each, key in ((shop, "ord_1"), (other, "ord_2"))
    ), return_exceptions=True)

    await other.connection.close()
    assert sorted(type(answer).__name__ for answer in answers) == ["FailedPrecondition", "Settlement"]
    assert await shop.connection.fetchval("select refunds from refund_days") == 2
