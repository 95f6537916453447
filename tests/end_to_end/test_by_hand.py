"""What customers, merchants, support and finance do beside the straight way, each over gRPC on a running engine."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from services.kernel.calendar import business_date
from services.kernel.saga import GIVEN_UP
from services.runtime.lanes.lane import KEEPALIVE_SECONDS
from settle.audit import auditor, telling
from settle.client.calls import Rejected, call
from settle.client.customer import Customer
from settle.client.desk import Desk
from settle.client.engine import Engine
from settle.client.requests import WAIT, fresh, money
from settle.client.shop import MERCHANT, Goods, Payment, Shop, instalments, units
from settle.client.tokens import Tokens
from settle.local.endpoints import acquirer_of, dsns_of, targets_of
from settle.local.stack import LocalStack
from settlement.card_redemption.v1 import card_service_pb2
from settlement.credit_ledger.v1 import adjustment_service_pb2 as adjusting
from settlement.credit_ledger.v1 import credit_service_pb2
from settlement.operations.v1 import operations_service_pb2 as operations
from settlement.order.v1 import after_sale_service_pb2 as pb
from settlement.order.v1 import merchant_service_pb2, order_pb2, order_service_pb2, settlement_pb2
from tests.benchmarks.hot_account import claims_met

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(120)]

GOODS = (Goods("shoes", 1, 30_000), Goods("coat", 1, 60_000))
PAYMENTS = (Payment("CREDIT", 60_000), Payment("GIFTCARD", 30_000))
ON_CREDIT = (Payment("CREDIT", 90_000),)
PAPERS = ["order page", "bill page"]


@pytest.fixture(scope="module")
def endpoints() -> Iterator[Mapping[str, Any]]:
    """Two processes of each service under the manual clock; whatever a test leaves is audited."""
    folder = Path(tempfile.mkdtemp(prefix="settle-by-hand-"))
    try:
        with LocalStack(folder, "auto", "manual", durable=False, processes=2) as stack:
            yield stack.endpoints
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def shop(endpoints: Mapping[str, Any]) -> AsyncIterator[Shop]:
    """A customer of its own with money on every tender; afterwards the books are audited."""
    engine = Engine(targets_of(endpoints), tokens=Tokens.of(endpoints))
    opened = Shop(engine, Customer.new())
    await desk(opened).open_account(500_000, 10_000, 100_000)
    yield opened
    await engine.rest()
    await engine.close()
    report = await auditor.audit(dsns_of(endpoints), strict=True, acquirer=acquirer_of(endpoints))
    assert report.clean, telling.as_text(report)


def desk(shop: Shop) -> Desk:
    """Where the same customer's money is."""
    return Desk(shop.engine, shop.customer)


async def _shipped(shop: Shop, merchant: str = MERCHANT) -> str:
    order_id = str((await shop.place(GOODS, PAYMENTS, instalments(3), merchant)).order_id)
    await shop.ship(order_id)
    return order_id


async def _delivered(shop: Shop) -> str:
    order_id = await _shipped(shop)
    await shop.deliver(order_id)
    return order_id


async def _case(shop: Shop, return_id: str) -> pb.ReturnCase:
    answer = await call(shop.engine.after_sale.GetReturn, pb.GetReturnRequest(return_id=return_id))
    case: pb.ReturnCase = answer.return_case
    return case


async def test_a_parcel_refused_at_the_door_is_refunded_when_it_is_back(shop: Shop) -> None:
    """拒收: a return on its way at once, and all tenders get theirs."""
    order_id = await _shipped(shop)

    refused = await call(shop.engine.after_sale.RefuseDelivery, pb.RefuseDeliveryRequest(
        request_id=fresh(), order_id=order_id, customer_id=shop.customer.customer_id, waybill_number="SF1",
        note="too late",
    ))
    settlement = await shop.receive(order_id, refused.return_case.return_id)

    assert refused.return_case.state == pb.RETURN_STATE_IN_RETURN
    assert refused.return_case.reason == pb.RETURN_REASON_REFUSED
    assert settlement.state == settlement_pb2.SETTLEMENT_STATE_DONE
    assert (await shop.order(order_id)).state == order_pb2.ORDER_STATE_FULLY_REFUNDED
    assert (await desk(shop).card()).balance.minor_units == 100_000


async def test_support_upholds_a_disputed_receipt_in_part(shop: Shop) -> None:
    """One of two items had really come: its money goes back, the other stays the customer's."""
    order_id = await _delivered(shop)
    return_id = await shop.send_back(order_id, [("line-1", 1), ("line-2", 1)])
    disputed = await call(shop.engine.after_sale.DisputeReceipt, pb.DisputeReceiptRequest(
        request_id=fresh(), return_id=return_id, order_id=order_id, merchant_id=MERCHANT, evidence=PAPERS,
        note="one is missing",
    ))

    resolved = await call(shop.engine.after_sale.ResolveDispute, pb.ResolveDisputeRequest(
        request_id=fresh(), return_id=return_id, order_id=order_id, operator_id="support-1", reason="weighed",
        decision=pb.DISPUTE_DECISION_UPHELD, accepted_lines=units([("line-1", 1)]), wait_timeout=WAIT,
    ))

    assert disputed.return_case.state == pb.RETURN_STATE_IN_DISPUTE
    assert resolved.settlement.state == settlement_pb2.SETTLEMENT_STATE_DONE
    assert resolved.settlement.amount.minor_units == 30_000
    assert (await _case(shop, return_id)).state == pb.RETURN_STATE_REFUNDED
    assert (await shop.order(order_id)).state == order_pb2.ORDER_STATE_PARTIALLY_REFUNDED


async def test_a_disputed_rejection_is_lifted_or_final(shop: Shop) -> None:
    """Whoever is neither customer nor support is told nothing; a decision without a word is bad input."""
    order_id = await _delivered(shop)
    api, ids = shop.engine.after_sale, []
    for line in ("line-1", "line-2"):
        asked = pb.RequestReturnRequest(
            request_id=fresh(), order_id=order_id, customer_id=shop.customer.customer_id, lines=units([(line, 1)]),
            reason=pb.RETURN_REASON_DEFECTIVE,
        )
        ids.append((await call(api.RequestReturn, asked)).return_case.return_id)
        await call(api.RejectReturn, pb.RejectReturnRequest(
            request_id=fresh(), return_id=ids[-1], order_id=order_id, reason="worn",
        ))

    def dispute(return_id: str, customer_id: str) -> pb.DisputeRejectionRequest:
        return pb.DisputeRejectionRequest(
            request_id=fresh(), return_id=return_id, order_id=order_id, customer_id=customer_id, evidence=PAPERS,
        )

    def resolve(return_id: str, decision: Any) -> pb.ResolveDisputeRequest:  # Any: an enum's value
        return pb.ResolveDisputeRequest(
            request_id=fresh(), return_id=return_id, order_id=order_id, operator_id="support-1", decision=decision,
            reason="seen",
        )

    with pytest.raises(Rejected, match="ORDER_NOT_FOUND"):
        await call(api.DisputeRejection, dispute(ids[0], "somebody-else"))
    for return_id in ids:
        await call(api.DisputeRejection, dispute(return_id, shop.customer.customer_id))
    with pytest.raises(Rejected, match="INVALID_ARGUMENT"):
        await call(api.ResolveDispute, resolve(ids[0], pb.DISPUTE_DECISION_UNSPECIFIED))
    lifted = await call(api.ResolveDispute, resolve(ids[0], pb.DISPUTE_DECISION_UPHELD))
    final = await call(api.ResolveDispute, resolve(ids[1], pb.DISPUTE_DECISION_REJECTED))

    assert lifted.return_case.state == pb.RETURN_STATE_APPROVED
    assert final.return_case.state == pb.RETURN_STATE_REJECTED
    with pytest.raises(Rejected, match="RETURN_STATE"):
        await call(api.ResolveDispute, resolve(ids[1], pb.DISPUTE_DECISION_UPHELD))


async def test_a_merchant_is_paid_its_gift_card_share_once_and_claimed_from_after_a_refund(shop: Shop) -> None:
    """DOMAIN 3.3, P23: the same request settles once; what was paid and is refunded, the merchant owes."""
    merchant_id = f"merchant-{uuid4().hex[:12]}"
    api, order_id = shop.engine.merchants, await _shipped(shop, merchant_id)
    request = merchant_service_pb2.SettleGiftCardShareRequest(
        request_id=fresh(), merchant_id=merchant_id, amount=money(30_000), wait_timeout=WAIT
    )

    first, again = [(await call(api.SettleGiftCardShare, request)).merchant_settlement for _ in range(2)]
    refunded = (await call(shop.engine.after_sale.RefundAmount, pb.RefundAmountRequest(
        request_id=fresh(), order_id=order_id, amount=money(90_000), reason="broken", wait_timeout=WAIT,
    ))).settlement
    too_much = merchant_service_pb2.SettleGiftCardShareRequest(
        request_id=fresh(), merchant_id=merchant_id, amount=money(1), wait_timeout=WAIT
    )
    refused = (await call(api.SettleGiftCardShare, too_much)).merchant_settlement

    assert first.state == merchant_service_pb2.MERCHANT_SETTLEMENT_STATE_SETTLED
    assert again.settlement_id == first.settlement_id
    assert refused.state == merchant_service_pb2.MERCHANT_SETTLEMENT_STATE_REFUSED
    assert refused.reason == "EXCEEDS_PAYABLE"
    lines = [
        (line.account, line.amount_minor)
        for journal in await desk(shop).journals(order_id, refunded.settlement_id) for line in journal.lines
        if line.account in ("A.MERCH.RECV", "X.CLEARING")
    ]
    assert sorted(lines) == [("A.MERCH.RECV", 30_000), ("X.CLEARING", -30_000), ("X.CLEARING", 30_000)]


async def test_a_merchant_that_is_half_paid_and_half_refunded_owes_and_is_owed_nothing(shop: Shop) -> None:
    """N5: customers of several shares, in both books; neither shows what it owes and is owed at once (OP-3)."""
    merchant_id, engine = f"merchant-{uuid4().hex[:12]}", shop.engine
    shops = [Shop(engine, Customer.new()) for _ in range(6)]
    for each in shops:
        await desk(each).open_account(500_000, 10_000, 100_000)
    orders = [await _shipped(each, merchant_id) for each in shops]
    pay = credit_service_pb2.SettleMerchantRequest(
        request_id=fresh(), merchant_id=merchant_id, amount=money(3 * 60_000)
    )
    await call(engine.credit.SettleMerchant, pay)
    await call(engine.merchants.SettleGiftCardShare, merchant_service_pb2.SettleGiftCardShareRequest(
        request_id=fresh(), merchant_id=merchant_id, amount=money(3 * 30_000), wait_timeout=WAIT
    ))

    for order_id in orders[:3]:
        await call(engine.after_sale.RefundAmount, pb.RefundAmountRequest(
            request_id=fresh(), order_id=order_id, amount=money(90_000), reason="broken", wait_timeout=WAIT,
        ))
    credit = await call(
        engine.credit.GetMerchantBalance, credit_service_pb2.GetMerchantBalanceRequest(merchant_id=merchant_id)
    )
    cards = await call(
        engine.cards.GetMerchantBalance, card_service_pb2.GetMerchantBalanceRequest(merchant_id=merchant_id)
    )

    assert (credit.payable_minor, credit.receivable_minor, cards.payable_minor, cards.settling_minor) == (0, 0, 0, 0)
    pay.request_id, pay.amount.minor_units = fresh(), 1
    with pytest.raises(Rejected, match="EXCEEDS_PAYABLE"):
        await call(engine.credit.SettleMerchant, pay)


async def test_finance_posts_a_journal_by_two_people(shop: Shop) -> None:
    """P22: once for a request; alone nobody can, and what does not balance is no journal."""
    order_id, line = await _shipped(shop), adjusting.AdjustmentLine

    def request(checker: str = "bob", amount: int = 500) -> adjusting.PostAdjustmentRequest:
        return adjusting.PostAdjustmentRequest(
            request_id=fresh(), account_id=shop.customer.account_id, order_id=order_id, case_id="case-1", maker="ann",
            checker=checker, evidence=PAPERS, reason="charged twice", effective_date=today,
            lines=[line(account="I.FEE.INST", amount_minor=amount), line(account="L.CUST.WALLET", amount_minor=-500)],
        )

    placed = (await shop.order(order_id)).create_time
    today = business_date(placed.ToDatetime(UTC)).isoformat()
    good = request()

    first, again = [(await call(shop.engine.adjustments.PostAdjustment, good)).adjustment for _ in range(2)]

    assert first == again
    assert (await desk(shop).account()).wallet.minor_units == 10_500
    for bad, reason in ((request(checker="ann"), "FOUR_EYES"), (request(amount=501), "UNBALANCED")):
        with pytest.raises(Rejected, match=reason):
            await call(shop.engine.adjustments.PostAdjustment, bad)


async def test_a_frozen_settlement_is_repaired_and_goes_on(shop: Shop, endpoints: Mapping[str, Any]) -> None:
    """Behind a message that was set aside a command waits for a person, and its settlement with it; nothing is lost."""
    order_id = str((await shop.place(GOODS, ON_CREDIT, instalments(3))).order_id)
    orders = shop.engine.operations["order"]
    await _set_aside(endpoints["services"]["credit_ledger"]["dsn"], shop.customer.account_id)
    cancelling = await _cancel(shop, order_id)

    frozen = await _phase(orders, cancelling.settlement_id, "FROZEN")
    waiting = await _repair(shop)
    await call(orders.RetrySaga, operations.RetrySagaRequest(
        request_id=fresh(), saga_id=cancelling.settlement_id, operator_id="ann", reason="repaired",
    ))

    assert cancelling.state != settlement_pb2.SETTLEMENT_STATE_DONE
    assert [message.reason for message in waiting] == ["PLANTED", "FOLLOWS_PARKED"]
    assert frozen.reason == "PARKED"
    await _phase(orders, cancelling.settlement_id, "DONE")
    assert (await shop.order(order_id)).state == order_pb2.ORDER_STATE_CANCELLED
    assert not await _waiting(shop)


async def test_a_frozen_settlement_is_given_up_and_never_comes_back(shop: Shop, endpoints: Mapping[str, Any]) -> None:
    """The order stands where it stood; what was set aside finds, when it is retried, that it is forbidden."""
    order_id = str((await shop.place(GOODS, ON_CREDIT, instalments(3))).order_id)
    orders = shop.engine.operations["order"]
    await _set_aside(endpoints["services"]["credit_ledger"]["dsn"], shop.customer.account_id)
    settlement_id = (await _cancel(shop, order_id)).settlement_id
    await _phase(orders, settlement_id, "FROZEN")

    await call(orders.AbortSaga, operations.AbortSagaRequest(
        request_id=fresh(), saga_id=settlement_id, operator_id="ann", reason="the command cannot be repaired",
    ))

    aborted = await _phase(orders, settlement_id, "ABORTED")
    assert (aborted.decision, aborted.reason) == ("ABORT", GIVEN_UP)
    await _repair(shop)
    await shop.engine.rest()
    assert (await shop.order(order_id)).state == order_pb2.ORDER_STATE_AWAITING_SHIPMENT
    await _phase(orders, (await _cancel(shop, order_id)).settlement_id, "DONE")


async def test_one_account_that_everybody_wants_is_decided_a_few_times_each(
    shop: Shop, endpoints: Mapping[str, Any]
) -> None:
    """Forty orders at once, two participants each: whoever meets a claim waits for its end (findings: proto_hot)."""
    ledgers = [endpoints["services"][name]["metrics"] for name in ("credit_ledger", "credit_ledger-2")]
    tenders = (Payment("CREDIT", 60), Payment("GIFTCARD", 40))
    before = sum(map(claims_met, ledgers))

    orders = await asyncio.gather(*(shop.place((Goods("pen", 1, 100),), tenders, instalments(3)) for _ in range(40)))

    assert {order.state for order in orders} == {order_pb2.ORDER_STATE_AWAITING_SHIPMENT}
    assert 0 < sum(map(claims_met, ledgers)) - before <= 3 * len(orders)


async def test_a_settlement_one_of_whose_tries_is_set_aside_aborts(shop: Shop, endpoints: Mapping[str, Any]) -> None:
    """It claims what others wait for, so it waits for nobody (findings: test_frozen_trying_keeps_its_claims)."""
    order_id = str((await shop.place(GOODS, PAYMENTS, instalments(3))).order_id)
    orders = shop.engine.operations["order"]
    await _set_aside(endpoints["services"]["credit_ledger"]["dsn"], shop.customer.account_id)

    aborted = await _phase(orders, (await _cancel(shop, order_id)).settlement_id, "ABORTED")

    assert (aborted.decision, aborted.reason) == ("ABORT", "PARKED")
    await _repair(shop)
    await _phase(orders, (await _cancel(shop, order_id)).settlement_id, "DONE")


async def _cancel(shop: Shop, order_id: str) -> settlement_pb2.Settlement:
    request = order_service_pb2.CancelOrderRequest(
        request_id=fresh(), order_id=order_id, reason=order_pb2.CANCEL_REASON_NOT_WANTED
    )
    settlement: settlement_pb2.Settlement = (await call(shop.engine.orders.CancelOrder, request)).settlement
    return settlement


async def _waiting(shop: Shop) -> Any:
    listed = operations.ListParkedRequest(key=shop.customer.account_id)
    return (await call(shop.engine.operations["credit_ledger"].ListParked, listed)).messages


async def _repair(shop: Shop) -> Any:
    """What was planted is discarded, what waited behind it is retried; answers both."""
    credit, waiting = shop.engine.operations["credit_ledger"], await _waiting(shop)
    for message, verb, request in zip(
        waiting, (credit.DiscardParked, credit.RetryParked),
        (operations.DiscardParkedRequest, operations.RetryParkedRequest), strict=True,
    ):
        await call(verb, request(request_id=fresh(), parked_id=message.parked_id, operator_id="ann", reason="repaired"))
    return waiting


async def test_events_are_republished_for_a_new_subscriber(shop: Shop, endpoints: Mapping[str, Any]) -> None:
    """`settle events replay` ends once all are in Kafka, and says how many."""
    order_id = str((await shop.place(GOODS, PAYMENTS, instalments(3))).order_id)
    options = ["--aggregate", order_id, "--from", "2020-01-01", "--operator", "ann", "--reason", "a new subscriber"]
    command = [sys.executable, "-m", "settle.cli", "events", "replay", "order", *options]

    process = await asyncio.create_subprocess_exec(
        *command, "--data", endpoints["data"], stdout=asyncio.subprocess.PIPE
    )
    said = (await process.communicate())[0].decode()

    assert process.returncode == 0
    assert f'aggregate_id: "{order_id}"' in said
    assert "published: 1\n" in said


async def _set_aside(dsn: str, key: str) -> None:
    """A message of this key is set aside, and every lane has seen it."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        """insert into parked (source, partition, kafka_offset, key, message_id, headers, payload, reason, detail,
                               parked_at)
           values ('planted for ' || $1, 0, 0, $1, '', '[]', '', 'PLANTED', '',
                   coalesce((select value::timestamptz from runtime_facts where name = 'manual_clock'), now()))""", key,
    )
    await connection.close()
    await asyncio.sleep(2 * KEEPALIVE_SECONDS)


async def _phase(stub: Any, saga_id: str, phase: str) -> operations.Saga:
    """The saga, once it has come there."""
    async with asyncio.timeout(60):
        while True:
            saga: operations.Saga = (await call(stub.GetSaga, operations.GetSagaRequest(saga_id=saga_id))).saga
            if saga.phase == phase:
                return saga
            await asyncio.sleep(0.1)
