"""What is saved is what is loaded, through real batches on a real PostgreSQL; and what callers read."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from services.order.domain.commands import (
    ApproveReturn,
    CancelOrder,
    ConfirmDelivery,
    ConfirmReceipt,
    ConfirmShipment,
    DisputeDeduction,
    DisputeReceipt,
    DisputeRejection,
    PlaceOrder,
    RefundAmount,
    RefuseDelivery,
    RegisterWaybill,
    RejectReturn,
    RequestReturn,
    ResolveDispute,
    ReverseRefund,
)
from services.order.domain.completion import after_sale_end
from services.order.domain.deductions import Deduction
from services.order.domain.order import Order
from services.order.domain.pricing import Promotion
from services.order.domain.states import DeductionState
from services.order.domain.tenders import TenderType
from services.order.sagas import DEFINITIONS
from services.order.store import reads
from services.order.wire import CODEC
from services.order.wire.orders import order_message
from services.order.wire.settlements import settlement_message
from services.runtime.ground.paging import FIRST, LAST
from services.runtime.stored import sagas
from services.runtime.stored.timers import find_due
from settlement.order.v1 import after_sale_service_pb2 as pb
from settlement.order.v1 import order_pb2, settlement_pb2
from tests.clocks import StillClock
from tests.services.batches import check_saved
from tests.services.order.shop import ALL_TABLES, PARTITIONS, Shop, commands
from tests.services.order.world import ORDER_ID, new_order, units

MIXED = new_order(
    (("L1", 2, 30_000), ("L2", 1, 50_000)),
    (
        (TenderType.CREDIT, 50_000), (TenderType.WALLET, 20_000), (TenderType.GIFTCARD, 20_000),
        (TenderType.BANKCARD, 10_000),
    ),
    (Promotion(10_000, (0, 1), "first"),),
    1_500,
)


async def bought(shop: Shop, number: int = 1, later: timedelta = timedelta()) -> str:
    """A placed order of its own id."""
    shop.now += later
    order_id = f"ord_{number}"
    await shop.ask(order_id, replace(MIXED, order_id=order_id))
    await shop.settle()
    return order_id


async def test_every_row_of_an_orders_life_comes_back_as_it_was_saved(shop: Shop) -> None:
    """Placed, shipped in parts, returned, refunded, the rest cancelled: after each batch."""
    assert isinstance(MIXED, PlaceOrder)
    answer = await shop.ask(ORDER_ID, MIXED)
    await check_saved(shop.connection, ALL_TABLES, shop.effects)
    assert answer.order.state == order_pb2.ORDER_STATE_PLACING
    await shop.settle()
    await check_saved(shop.connection, ALL_TABLES, shop.effects)

    await shop.ask(ORDER_ID, ConfirmShipment(ORDER_ID, units(L1=2)))
    await shop.settle()
    case = await shop.ask(ORDER_ID, RequestReturn(ORDER_ID, units(L1=1), reason="DEFECTIVE", note="坏了"))
    await check_saved(shop.connection, ALL_TABLES, shop.effects)
    await shop.ask(ORDER_ID, ApproveReturn(ORDER_ID, case.return_id, "somewhere"))
    await shop.ask(ORDER_ID, RegisterWaybill(ORDER_ID, case.return_id, "SF1", "SF"))
    await check_saved(shop.connection, ALL_TABLES, shop.effects)
    receipt = await shop.ask(ORDER_ID, ConfirmReceipt(ORDER_ID, case.return_id))
    await check_saved(shop.connection, ALL_TABLES, shop.effects)
    await shop.settle()
    await check_saved(shop.connection, ALL_TABLES, shop.effects)
    await shop.ask(ORDER_ID, CancelOrder(ORDER_ID, "PRICE"))
    await shop.settle()
    await check_saved(shop.connection, ALL_TABLES, shop.effects)

    order = await reads.find_order(shop.connection, ORDER_ID)
    run = await reads.find_run(shop.connection, receipt.settlement.settlement_id)
    assert order is not None
    assert run is not None
    told = settlement_message(run, order)
    assert told.state == settlement_pb2.SETTLEMENT_STATE_DONE
    assert [entry.step for entry in told.timeline] == ["STARTED", "TRIED", "TRIED", "ENDED"]
    assert told.return_id == case.return_id


async def test_disputes_and_refused_parcels_come_back_as_they_were_saved(shop: Shop) -> None:
    """And so does what their callers are answered; the same request is answered the same, and opens nothing twice."""
    order_id = await bought(shop)
    await shop.ask(order_id, ConfirmShipment(order_id, units(L1=2)))
    await shop.settle()
    refused = shop.call(order_id, RefuseDelivery(order_id, "SF1", "SF", "不要了", "customer"))
    first, again = await shop.run(refused), await shop.run(refused)
    stored = first.encoded.answered[refused.id]
    case: Any = CODEC.message(stored.type, stored.outcome)  # Any: a ReturnCase
    assert [a.outcome for _, a in again.encoded.answers] == [a.outcome for _, a in first.encoded.answers]
    assert again.effects.dirty == {}

    disputed = await shop.ask(order_id, DisputeReceipt(order_id, case.return_id, ("photo-1",), "空的", "merchant"))
    await check_saved(shop.connection, ALL_TABLES, shop.effects)
    upheld = ResolveDispute(order_id, case.return_id, True, "op_1", "it is there", accepted=units(L1=1))
    answer = await shop.ask(order_id, upheld)
    await check_saved(shop.connection, ALL_TABLES, shop.effects)
    await shop.settle()
    await shop.ask(order_id, ConfirmShipment(order_id))
    await shop.settle()
    other = await shop.ask(order_id, RequestReturn(order_id, units(L2=1)))
    await shop.ask(order_id, RejectReturn(order_id, other.return_id, "worn"))
    await check_saved(shop.connection, ALL_TABLES, shop.effects)
    await shop.ask(order_id, DisputeRejection(order_id, other.return_id, (), "never worn"))
    lifted = await shop.ask(order_id, ResolveDispute(order_id, other.return_id, True, "op_1", "it is new"))
    await check_saved(shop.connection, ALL_TABLES, shop.effects)

    assert (case.state, case.reason) == (pb.RETURN_STATE_IN_RETURN, pb.RETURN_REASON_REFUSED)
    assert (disputed.disputed_by, list(disputed.evidence)) == (pb.DISPUTE_PARTY_MERCHANT, ["photo-1"])
    assert answer.settlement.return_id == answer.return_case.return_id == case.return_id
    assert lifted.return_case.state == pb.RETURN_STATE_APPROVED
    assert not lifted.HasField("settlement")


async def test_deductions_and_reductions_come_back_as_they_were_saved(shop: Shop) -> None:
    """And what callers are answered names them: the line, the reason, the evidence, where it stands."""
    order_id = await bought(shop)
    await shop.ask(order_id, ConfirmShipment(order_id))
    await shop.settle()
    await shop.ask(order_id, RefundAmount(order_id, 545, line_id="L1"))
    await check_saved(shop.connection, ALL_TABLES, shop.effects)
    await shop.settle()
    await check_saved(shop.connection, ALL_TABLES, shop.effects)
    case = await shop.ask(order_id, RefuseDelivery(order_id, "SF1"))
    worn = Deduction("L1", 4_000, "WORN", ("photo-1",), "旧了")
    receipt = await shop.ask(order_id, ConfirmReceipt(order_id, case.return_id, deductions=(worn,)))
    await check_saved(shop.connection, ALL_TABLES, shop.effects)
    await shop.settle()
    await shop.ask(order_id, DisputeDeduction(order_id, case.return_id, (), "不旧", "customer"))
    await check_saved(shop.connection, ALL_TABLES, shop.effects)
    given_back = await shop.ask(order_id, ResolveDispute(order_id, case.return_id, True, "op_1", "it is new"))
    await shop.settle()
    await check_saved(shop.connection, ALL_TABLES, shop.effects)

    told, ended = receipt.return_case, await reads.find_case(shop.connection, case.return_id)
    assert (told.deductions[0].note, told.deduction_state) == ("旧了", pb.DEDUCTION_STATE_TAKEN)
    assert receipt.settlement.amount.minor_units == 100_000 - 545 - 4_000
    assert given_back.return_case.deduction_state == pb.DEDUCTION_STATE_GIVING_BACK
    assert given_back.settlement.amount.minor_units == 4_000
    assert ended is not None
    assert ended.deduction_state is DeductionState.GIVEN_BACK
    reduced = await shop.connection.fetch("select line_id, reduced_minor from order_lines order by no")
    assert [tuple(row) for row in reduced] == [("L1", 545), ("L2", 0)]


async def test_orders_and_refunds_of_before_price_reductions_are_read_and_go_on(shop: Shop) -> None:
    """Their lines have no twelfth place, the plans of their refunds name no line, their cases nothing deducted."""
    order_id = await bought(shop)
    await shop.ask(order_id, ConfirmShipment(order_id))
    await shop.settle()
    await shop.ask(order_id, RefundAmount(order_id, 11_000))
    await shop.settle()
    case = await shop.ask(order_id, RefuseDelivery(order_id, "SF1"))
    await shop.connection.execute("update orders set lines = (lines::jsonb #- '{0,12}' #- '{1,12}')::json")
    await shop.connection.execute(
        "update sagas set plan = (plan::jsonb - 'reduced_line' - 'given_back_of' - 'given_back')::json"
    )

    undone = await shop.ask(order_id, ReverseRefund(order_id))
    await shop.settle()
    receipt = await shop.ask(order_id, ConfirmReceipt(order_id, case.return_id))

    assert undone.reduced_line_id == ""
    assert receipt.settlement.amount.minor_units == 100_000
    assert [
        row["reduced_minor"] for row in await shop.connection.fetch("select reduced_minor from order_lines")
    ] == [0, 0]


async def test_what_ended_long_ago_is_a_digest_and_can_be_shown_and_undone(shop: Shop) -> None:
    """Its outcome and money stay, its participants' answers go; a refund is undone as if it were of yesterday."""
    order_id = (await shop.ask(ORDER_ID, MIXED)).order.order_id
    await shop.settle()
    await shop.ask(order_id, ConfirmShipment(order_id, (), "SF1"))
    await shop.settle()
    await shop.ask(order_id, RefundAmount(order_id, 30_000))
    await shop.settle()
    before = await reads.list_runs(shop.connection, order_id, "", FIRST, 9)
    told = [settlement_message(run, await _order(shop, order_id)) for run in before]

    assert await sagas.digest(shop.connection, DEFINITIONS, shop.now + timedelta(seconds=1), 100) == len(before)

    after = await reads.list_runs(shop.connection, order_id, "", FIRST, 9)
    assert [run.plan for run in after] == [run.plan for run in before]
    shown = [settlement_message(run, await _order(shop, order_id)) for run in after]
    for now, then in zip(shown, told, strict=True):
        for of_the_answer in ("instalments", "given_back", "credit_balance"):
            then.ClearField(of_the_answer)
        assert now == then
    undone = await shop.ask(order_id, ReverseRefund(order_id))
    await shop.settle()
    found = await reads.find_run(shop.connection, undone.settlement_id)
    assert found is not None
    assert (found.phase, found.plan.money.shares) == ("DONE", before[-1].plan.money.shares)


async def _order(shop: Shop, order_id: str) -> Order:
    order = await reads.find_order(shop.connection, order_id)
    assert order is not None
    return order


async def test_the_after_sale_time_ends_by_its_timer(shop: Shop) -> None:
    """A background timer; what it leaves is saved, and nothing is left to wake."""
    order_id = await bought(shop)
    await shop.ask(order_id, ConfirmShipment(order_id))
    await shop.settle()
    await shop.ask(order_id, ConfirmDelivery(order_id))
    await check_saved(shop.connection, ALL_TABLES, shop.effects)
    due = (shop.connection, range(PARTITIONS), StillClock(after_sale_end(shop.now)), 10)
    shop.now = after_sale_end(shop.now)

    await shop.run(*await find_due(*due, sagas=False))
    await check_saved(shop.connection, ALL_TABLES, shop.effects)

    order = await reads.find_order(shop.connection, order_id)
    assert order is not None
    assert order.state == "COMPLETED"
    assert order_message(order).state == order_pb2.ORDER_STATE_COMPLETED
    assert await find_due(*due, sagas=False) == []


async def test_the_views_spread_lines_tenders_and_refunds(shop: Shop) -> None:
    """What people and reports read."""
    order_id = await bought(shop)
    await shop.ask(order_id, ConfirmShipment(order_id))
    await shop.settle()
    await shop.ask(order_id, RefundAmount(order_id, 11_000))
    await shop.settle()

    lines = await shop.connection.fetch(
        "select line_id, payable_minor, shipped from order_lines where order_id = $1", order_id
    )
    tenders = await shop.connection.fetch(
        "select tender, captured_minor, refunded_minor from order_tenders order by no"
    )
    refunds = await shop.connection.fetch("select state, amount_minor from order_refunds")

    assert [tuple(row) for row in lines] == [("L1", 54_545, 2), ("L2", 45_455, 1)]
    assert [tuple(row) for row in tenders] == [
        ("CREDIT", 50_000, 5_500), ("WALLET", 20_000, 2_200), ("GIFTCARD", 20_000, 2_200), ("BANKCARD", 10_000, 1_100),
    ]
    assert [tuple(row) for row in refunds] == [("CREDIT_DONE", 11_000)]


async def test_lists_are_ordered_and_go_on_where_they_stopped(shop: Shop) -> None:
    """Orders the latest first, by customer or merchant; settlements the oldest first, by kind."""
    ids = [await bought(shop, number, timedelta(seconds=1)) for number in range(1, 5)]
    await shop.ask(ids[0], CancelOrder(ids[0], "LATE"))
    await shop.settle()
    connection = shop.connection

    first = await reads.list_orders(connection, "customer", "", "", LAST, limit=3)
    rest = await reads.list_orders(connection, "", "merchant", "", (first[-1].placed_at, first[-1].id), limit=3)
    cancelled = await reads.list_orders(connection, "customer", "merchant", "CANCELLED", LAST, limit=3)
    runs = await reads.list_runs(connection, ids[0], "", FIRST, 5)

    assert [order.id for order in (*first, *rest)] == ids[::-1]
    assert [order.id for order in cancelled] == [ids[0]]
    assert [run.kind for run in runs] == ["placement", "cancellation"]
    assert list(await reads.list_runs(connection, ids[0], "cancellation", FIRST, 5)) == [runs[1]]
    assert await reads.list_orders(connection, "somebody", "", "", LAST, limit=3) == []


async def test_a_batch_of_many_orders_takes_as_many_statements_as_one(shop: Shop) -> None:
    """The number of statements depends on what a batch holds, never on how many messages."""
    counts = []
    for attempt, size in enumerate((1, 1, 20)):  # the first also asks for the types of its parameters
        ids = [f"ord_{attempt}x{n}" for n in range(size)]
        calls = [shop.call(order_id, replace(MIXED, order_id=order_id)) for order_id in ids]
        said: list[str] = []
        with shop.connection.query_logger(lambda query, said=said: said.append(query.query)):
            await shop.run(*calls)
        counts.append(len(said))
        assert len(commands(shop.encoded)) == 2 * size
        await shop.settle()

    assert counts[1] == counts[2]


async def test_the_schema_refuses_a_state_that_does_not_exist(shop: Shop) -> None:
    """Constraints have names."""
    order_id = await bought(shop)

    with pytest.raises(asyncpg.CheckViolationError, match="orders_state"):
        await shop.connection.execute("update orders set state = 'LOST' where id = $1", order_id)
