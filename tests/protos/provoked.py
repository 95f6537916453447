"""How to provoke each reason of the contract that the recorded story does not show: by calls of the public API, some of
them while messages are held back, a field of one is changed or a row is, as no code of ours would."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc

from settlement.card_redemption.v1 import card_service_pb2 as cards
from settlement.common.v1 import money_pb2
from settlement.credit_ledger.v1 import adjustment_service_pb2 as adjustments
from settlement.credit_ledger.v1 import credit_service_pb2 as credit
from settlement.credit_ledger.v1 import payout_service_pb2 as payouts
from settlement.operations.v1 import operations_service_pb2 as operations
from settlement.order.v1 import after_sale_service_pb2 as after_sale
from settlement.order.v1 import order_pb2, order_service_pb2
from settlement.saga.v1 import saga_pb2
from tests.protos import provoked_channels
from tests.recorded.people import People, Refused
from tests.recorded.records import COMMANDS, REPLIES
from tests.recorded.requests import (
    CREDIT,
    GIFT,
    WALLET,
    Customer,
    cancel,
    deliver,
    quote,
    refund,
    reverse,
    ship,
    terms,
    units,
)

IVY = Customer("ivy")
LINES = (("L1", 2, 5_000),)


async def prepare(people: People) -> None:
    """A customer who has something of everything."""
    for request in (IVY.opening(1_000_000), IVY.funding(100_000), IVY.card(200_000)):
        await people.ask(request)


async def _placed(people: People, name: str, **fields: Any) -> str:  # Any: each field has its type
    order_id = f"ord_ivy_{name}"
    await people.ask(IVY.order(order_id, LINES, {CREDIT: 10_000}, **fields))
    return order_id


async def _shipped(people: People, name: str) -> str:
    order_id = await _placed(people, name)
    await people.ask(ship(order_id))
    return order_id


async def _tried(people: People, request: Any) -> None:
    """A call that is refused; the reason is looked for among all that was said."""
    try:
        await people.ask(request)
    except Refused:
        return


async def delivered_twice(people: People) -> None:
    """A second delivery is ORDER_STATE."""
    order_id = await _shipped(people, "twice")
    await people.ask(deliver(order_id))
    await _tried(people, deliver(order_id))


async def quoted_while_settling(people: People) -> None:
    """A quote while the order settles is SETTLEMENT_IN_PROGRESS."""
    people.stage.held = lambda record: record.stream == COMMANDS
    order_id = await _placed(people, "settling")
    await _tried(people, quote(order_id, cancel=order_service_pb2.QuotedLines()))
    await people.stage.release()


async def wallet_overdrawn(people: People) -> None:
    """INSUFFICIENT_WALLET, as the reason of a rejected order."""
    await people.ask(IVY.order("ord_ivy_poor", (("L1", 1, 500_000),), {WALLET: 500_000}))
    await people.ask(order_service_pb2.GetOrderRequest(order_id="ord_ivy_poor"))


async def quoted_while_busy(people: People) -> None:
    """A preview while a saga holds the account is ACCOUNT_BUSY."""
    order_id = await _shipped(people, "busy")
    people.stage.held = lambda record: record.op in ("F", "C") and record.stream == COMMANDS
    await people.ask(IVY.order("ord_ivy_holding", LINES, {CREDIT: 6_000, GIFT: 4_000}))
    asked = credit.PreviewRefundRequest(
        account_id=IVY.account_id, order_id=order_id, merchant_id="mer_silk", credit_minor=10
    )
    await _tried(people, asked)
    await people.stage.release()


async def read_of_a_later_version(people: People) -> None:
    """A read of a version that is not there yet is STALE_VERSION."""
    order_id = await _placed(people, "early")
    await _tried(people, order_service_pb2.GetOrderRequest(order_id=order_id, min_version=99))


async def codes_guessed(people: People) -> None:
    """Codes of no card are CODE_REJECTED; after some of them, none is looked at: TOO_MANY_CODES."""
    for number in range(6):
        await _tried(people, cards.ActivateCardRequest(customer_id="cus_guesser", code=f"GUESSED0000000{number:02}"))


async def code_given_twice(people: People) -> None:
    """The code of another card is CODE_TAKEN."""
    face = money_pb2.Money(minor_units=100, currency_code="CNY")
    for name in ("crd_once", "crd_twice"):
        await _tried(people, cards.IssueCardRequest(
            card_id=name, customer_id="cus_twice", face=face, code="GIVEN0TWICE00000"
        ))


async def shipped_too_late(people: People) -> None:
    """A shipment after the hold ran out is HOLD_EXPIRED."""
    order_id = await _placed(people, "late")
    people.stage.clock.move(people.stage.now + timedelta(days=31))  # and no timer has come yet
    await _tried(people, ship(order_id))


async def strategy_unheard_of(people: People) -> None:
    """Terms with a strategy that no enum knows are UNKNOWN_STRATEGY."""
    strange = terms()
    strange.strategy = 9  # type: ignore[assignment]  # no enum knows it
    await _tried(people, IVY.order("ord_ivy_strange", LINES, {CREDIT: 10_000}, strange))


async def token_made_up(people: People) -> None:
    """A page token that somebody made up is INVALID_PAGE_TOKEN."""
    await _tried(people, order_service_pb2.ListOrdersRequest(customer_id=IVY.id, page_token="x"))


async def more_than_is_taken(people: People) -> None:
    """MESSAGE_TOO_LARGE: 500 lines with titles of 200 characters, each of which the contract allows."""
    request = IVY.order("ord_ivy_long", [(f"L{no}", 1, 1) for no in range(500)], {CREDIT: 500})
    for line in request.lines:
        line.title = "红" * 200
    await _tried(people, request)


async def books_changed_by_hand(people: People) -> None:
    """REPLAY_DIVERGED, as the reason of a reversal that was given up."""
    order_id = await _shipped(people, "diverged")
    await people.ask(refund(order_id, 1_000))
    ledger = people.stage.engines["credit_ledger"].connection
    await ledger.execute("update credit_accounts set wallet_minor = wallet_minor + 1 where id = $1", IVY.account_id)
    begun = await people.ask(reverse(order_id))
    asked = order_service_pb2.GetSettlementRequest(settlement_id=begun.settlement.settlement_id)
    await people.ask(asked)
    await ledger.execute("update credit_accounts set wallet_minor = wallet_minor - 1 where id = $1", IVY.account_id)


async def more_moved_than_planned(people: People) -> None:
    """MONEY_VECTOR_MISMATCH, as the reason of a frozen settlement."""
    people.stage.held = lambda record: record.stream == REPLIES
    begun = await people.ask(IVY.order("ord_ivy_vector", LINES, {WALLET: 10_000}))
    (record,) = people.stage.back
    reply = saga_pb2.Reply.FromString(record.payload)
    reply.moved[0].amount_minor += 1
    people.stage.back = []
    await people.stage.release(replace(record, payload=reply.SerializeToString()))
    await people.ask(order_service_pb2.GetSettlementRequest(settlement_id=begun.settlement.settlement_id))


async def ended_saga_retried(people: People) -> None:
    """A saga that has ended cannot be retried: SAGA_STATE."""
    listed = await people.ask(operations.ListSagasRequest(phase="DONE", page_size=1), at="order")
    request = operations.RetrySagaRequest(saga_id=listed.sagas[0].saga_id, operator_id="op-1", reason="impatient")
    try:
        await people.ask(request, at="order")
    except Refused:
        return


async def returned_too_late(people: People) -> None:
    """A return after the after-sale time is AFTER_SALE_CLOSED."""
    order_id = await _shipped(people, "closed")
    await people.ask(deliver(order_id))
    people.stage.clock.move(people.stage.now + timedelta(days=182))  # and no timer has come yet
    await _tried(people, after_sale.RequestReturnRequest(
        order_id=order_id, lines=units(L1=1), reason=after_sale.RETURN_REASON_NOT_WANTED
    ))


async def deducted_above_worth(people: People) -> None:
    """A deduction above what the units are worth is DEDUCTION_EXCEEDS_WORTH."""
    order_id = await _shipped(people, "worn")
    await people.ask(deliver(order_id))
    asked = after_sale.RequestReturnRequest(
        order_id=order_id, lines=units(L1=1), reason=after_sale.RETURN_REASON_NOT_WANTED
    )
    return_id = (await people.ask(asked)).return_case.return_id
    await people.ask(after_sale.ApproveReturnRequest(return_id=return_id, order_id=order_id))
    await people.ask(after_sale.RegisterWaybillRequest(
        return_id=return_id, order_id=order_id, waybill_number="SF-9", carrier="SF"
    ))
    worn = after_sale.Deduction(
        line_id="L1", amount=money_pb2.Money(minor_units=5_001, currency_code="CNY"),
        reason=after_sale.DEDUCTION_REASON_WORN, evidence=["photo"],
    )
    await _tried(people, after_sale.ConfirmReceiptRequest(return_id=return_id, order_id=order_id, deductions=[worn]))


async def receivable_overdrawn(people: People) -> None:
    """Waiving more than the customer owes is EXCEEDS_RECEIVABLE."""
    order_id = await _shipped(people, "receivable")
    lines = [("A.CUST.RECV", -5), ("E.WAIVER", 5)]
    await _tried(people, adjustments.PostAdjustmentRequest(
        account_id=IVY.account_id, order_id=order_id, case_id="case-1", maker="ann", checker="bob", reason="none",
        evidence=["one", "two"], effective_date=people.stage.now.date().isoformat(),
        lines=[adjustments.AdjustmentLine(account=account, amount_minor=amount) for account, amount in lines],
    ))


async def cancelled_by_bytes(people: People) -> None:
    """Bytes that are no request are UNDECODABLE, a method that nobody serves is UNKNOWN_METHOD."""
    target = f"127.0.0.1:{people.stage.engines['order'].port}"
    async with grpc.aio.insecure_channel(target) as opened:
        for method in ("CancelOrder", "CancelEverything"):
            call: Any = opened.unary_unary(f"/settlement.order.v1.OrderService/{method}")
            try:
                await call(b"\xff", timeout=5)
            except grpc.aio.AioRpcError as error:
                people.note(method, error)


async def cancelled_after_the_end(people: People) -> None:
    """A shipment after the cancel is ORDER_CANCELLED."""
    order_id = await _placed(people, "cancelled")
    await people.ask(cancel(order_id))
    await _tried(people, ship(order_id, lines=[order_pb2.LineQuantity(line_id="L1", quantity=1)]))


async def payout_unheard_of(people: People) -> None:
    """A payout that nobody asked for is PAYOUT_NOT_FOUND."""
    await _tried(people, payouts.GetPayoutRequest(payout_id="pay_none"))


PROVOKED: dict[str, Callable[[People], Awaitable[None]]] = {
    "ORDER_STATE": delivered_twice,
    "ORDER_CANCELLED": cancelled_after_the_end,
    "SETTLEMENT_IN_PROGRESS": quoted_while_settling,
    "INSUFFICIENT_WALLET": wallet_overdrawn,
    "ACCOUNT_BUSY": quoted_while_busy,
    "STALE_VERSION": read_of_a_later_version,
    "UNKNOWN_STRATEGY": strategy_unheard_of,
    "INVALID_PAGE_TOKEN": token_made_up,
    "MESSAGE_TOO_LARGE": more_than_is_taken,
    "REPLAY_DIVERGED": books_changed_by_hand,
    "MONEY_VECTOR_MISMATCH": more_moved_than_planned,
    "SAGA_STATE": ended_saga_retried,
    "EXCEEDS_RECEIVABLE": receivable_overdrawn,
    "UNDECODABLE": cancelled_by_bytes,
    "UNKNOWN_METHOD": cancelled_by_bytes,
    "DEDUCTION_EXCEEDS_WORTH": deducted_above_worth,
    "CODE_REJECTED": codes_guessed,
    "TOO_MANY_CODES": codes_guessed,
    "CODE_TAKEN": code_given_twice,
    "HOLD_EXPIRED": shipped_too_late,
    "AFTER_SALE_CLOSED": returned_too_late,
    **provoked_channels.PROVOKED,
    "PAYOUT_NOT_FOUND": payout_unheard_of,
}
"""By reason, in an order in which time only goes on."""
