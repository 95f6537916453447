"""After the parcel: returns step by step, disputes, refused parcels, money back without goods, and mistakes undone."""

from typing import Any

from settlement.common.v1 import tender_pb2
from settlement.order.v1 import after_sale_service_pb2 as pb
from settlement.order.v1 import order_pb2, order_service_pb2
from tests.recorded.bank import PENDING, REJECTED
from tests.recorded.people import People
from tests.recorded.requests import (
    BANK,
    CREDIT,
    GIFT,
    OTHER_MERCHANT,
    WALLET,
    Customer,
    Tenders,
    deliver,
    quote,
    refund,
    reverse,
    ship,
    terms,
    units,
)

ANN, BEN = Customer("ann"), Customer("ben")
UPHELD, TURNED_DOWN = pb.DISPUTE_DECISION_UPHELD, pb.DISPUTE_DECISION_REJECTED


async def tell(people: People) -> None:
    """The chapter."""
    await _returned(people)
    await _quoted(people)
    await _turned_down(people)
    await _disputed(people)
    await _by_time(people)
    await _without_goods(people)
    await _undone(people)


async def _sold(people: People, order_id: str, tenders: Tenders, quantity: int = 4, **fields: Any) -> None:
    """An order of so many equal units, shipped and delivered."""
    total = sum(tenders.values())
    await people.ask(ANN.order(order_id, (("L1", quantity, total // quantity),), tenders, **fields))
    await people.ask(ship(order_id))
    await people.ask(deliver(order_id))


def _request(order_id: str, **quantities: int) -> pb.RequestReturnRequest:
    return pb.RequestReturnRequest(
        order_id=order_id, lines=units(**quantities), reason=pb.RETURN_REASON_DEFECTIVE, note="it does not work"
    )


async def _requested(people: People, order_id: str, **quantities: int) -> str:
    return str((await people.ask(_request(order_id, **quantities))).return_case.return_id)


async def _sent_back(people: People, order_id: str, **quantities: int) -> str:
    return_id = await _requested(people, order_id, **quantities)
    await people.ask(pb.ApproveReturnRequest(return_id=return_id, order_id=order_id, return_address="Hangzhou 1"))
    await people.ask(_waybill(return_id, order_id))
    return return_id


def _waybill(return_id: str, order_id: str) -> pb.RegisterWaybillRequest:
    return pb.RegisterWaybillRequest(return_id=return_id, order_id=order_id, waybill_number="SF-77", carrier="SF")


def _receipt(return_id: str, order_id: str, **fields: Any) -> pb.ConfirmReceiptRequest:
    return pb.ConfirmReceiptRequest(return_id=return_id, order_id=order_id, **fields)


async def _returned(people: People) -> None:
    """Some units, then the rest; of a parcel only a part is accepted; an order of every tender comes back whole."""
    first = await _sent_back(people, "ord_whole", L1=1)
    await people.refused("WAYBILL_STATE", pb.WithdrawReturnRequest(return_id=first, order_id="ord_whole"))
    await people.refused("QUANTITY_EXCEEDS_BOUGHT", _request("ord_whole", L1=4))
    await people.ask(_receipt(first, "ord_whole"))
    await people.refused("RETURN_STATE", _receipt(first, "ord_whole"))
    second = await _sent_back(people, "ord_whole", L1=2)
    await people.ask(_receipt(second, "ord_whole", accepted_lines=units(L1=1)))
    third = await _sent_back(people, "ord_whole", L1=2)
    await people.ask(_receipt(third, "ord_whole"))
    await people.refused("QUANTITY_EXCEEDS_BOUGHT", _request("ord_whole", L1=1))
    given_up = await _requested(people, "ord_credit", L2=1)
    await people.ask(pb.WithdrawReturnRequest(return_id=given_up, order_id="ord_credit"))
    await people.refused("ORDER_NOT_SHIPPED", _request("ord_forgotten", L1=1))
    await people.refused("RETURN_NOT_FOUND", _receipt("ret_unknown", "ord_whole"))


async def _quoted(people: People) -> None:
    """What a quote promised comes back exactly; in place of a stale one comes a fresh one."""
    await _sold(people, "ord_quoted", {CREDIT: 40_000, WALLET: 20_000, GIFT: 20_000})
    case = await _sent_back(people, "ord_quoted", L1=1)
    told = (await people.ask(quote("ord_quoted", return_id=case))).quote
    await people.ask(_receipt(case, "ord_quoted", quote=told.token))
    case = await _sent_back(people, "ord_quoted", L1=1)
    told = (await people.ask(quote("ord_quoted", return_id=case))).quote
    await people.ask(ANN.funding(2))
    await people.ask(_receipt(case, "ord_quoted", quote=told.token))
    told = (await people.ask(quote("ord_quoted", return_id=case))).quote
    await people.ask(_receipt(case, "ord_quoted", quote=told.token))
    await people.ask(quote("ord_quoted", return_lines=order_service_pb2.QuotedLines(lines=units(L1=1))))
    await people.ask(quote("ord_quoted", return_lines=order_service_pb2.QuotedLines()))
    asked = refund("ord_quoted", 3_333)
    told = (await people.ask(quote("ord_quoted", amount=asked.amount))).quote
    asked.quote = told.token
    await people.ask(asked)
    await people.refused("ORDER_NOT_SHIPPED", quote("ord_forgotten", amount=asked.amount))


async def _turned_down(people: People) -> None:
    """The merchant says no; the customer contests it in time, late with evidence, or too late."""
    await _sold(people, "ord_contested", {CREDIT: 10_000, BANK: 10_000})
    for number, hours in enumerate((1, 30, 71), start=1):
        case = await _requested(people, "ord_contested", L1=1)
        await people.ask(pb.RejectReturnRequest(return_id=case, order_id="ord_contested", reason="worn"))
        await people.stage.wait(hours=hours)
        bare = pb.DisputeRejectionRequest(return_id=case, order_id="ord_contested", note="it was new")
        if number > 1:
            await people.refused("EVIDENCE_REQUIRED", bare)
            bare.evidence.append("photo-1")
        await people.ask(bare)
        decision = UPHELD if number < 3 else TURNED_DOWN
        await people.ask(_ruling(case, "ord_contested", decision))
        if decision == UPHELD:
            await people.ask(_waybill(case, "ord_contested"))
            await people.ask(_receipt(case, "ord_contested"))
    case = await _requested(people, "ord_contested", L1=1)
    await people.ask(pb.RejectReturnRequest(return_id=case, order_id="ord_contested", reason="worn"))
    await people.stage.wait(hours=73)
    late = pb.DisputeRejectionRequest(return_id=case, order_id="ord_contested", evidence=["photo-1"])
    await people.refused("DISPUTE_WINDOW_CLOSED", late)


def _ruling(return_id: str, order_id: str, decision: Any, **fields: Any) -> pb.ResolveDisputeRequest:
    return pb.ResolveDisputeRequest(
        return_id=return_id, order_id=order_id, operator_id="op-2", decision=decision, reason="as the papers say",
        **fields,
    )


async def _disputed(people: People) -> None:
    """The merchant disputes what arrived: the customer is right, partly right, or not."""
    await _sold(people, "ord_disputed", {CREDIT: 12_000, GIFT: 8_000})
    rulings: tuple[dict[str, int] | None, ...] = ({}, {"L1": 1}, None)
    for accepted in rulings:
        case = await _sent_back(people, "ord_disputed", L1=1 if accepted == {} else 2)
        dispute = pb.DisputeReceiptRequest(return_id=case, order_id="ord_disputed", note="stones in the box")
        await people.refused("EVIDENCE_REQUIRED", dispute)
        dispute.evidence.extend(["film-1", "film-2"])
        await people.ask(dispute)
        if accepted is None:
            await people.ask(_ruling(case, "ord_disputed", TURNED_DOWN))
        else:
            await people.ask(_ruling(case, "ord_disputed", UPHELD, accepted_lines=units(**accepted)))


async def _by_time(people: People) -> None:
    """Nobody answers a request, nobody sends the goods, a parcel is refused at the door."""
    await _sold(people, "ord_slow", {CREDIT: 20_000}, credit_terms=terms(3))
    case = await _requested(people, "ord_slow", L1=1)
    await people.stage.wait(hours=49)
    await people.ask(pb.GetReturnRequest(return_id=case))
    await people.stage.wait(days=9)
    await people.refused("RETURN_STATE", _waybill(case, "ord_slow"))
    await people.ask(ANN.order("ord_refused", (("L1", 2, 9_000),), {CREDIT: 9_000, GIFT: 9_000}))
    await people.ask(ship("ord_refused"))
    parcel = pb.RefuseDeliveryRequest(order_id="ord_refused", waybill_number="SF-88", note="nobody ordered this")
    case = (await people.ask(parcel)).return_case.return_id
    await people.ask(_receipt(case, "ord_refused"))
    await people.ask(ANN.order("ord_gift_only", (("L1", 2, 2_000),), {GIFT: 4_000}, merchant=OTHER_MERCHANT))
    await people.ask(ship("ord_gift_only"))
    await people.ask(deliver("ord_gift_only"))


async def _without_goods(people: People) -> None:
    """Amounts, down to nothing left; the bank confirms, loses, refuses and reroutes its part."""
    await people.ask(BEN.opening(2_000_000, bill_day=31, due_day=20, surplus_policy=tender_pb2.SURPLUS_POLICY_LIFO))
    await people.ask(BEN.funding(50_000))
    await people.ask(BEN.card(90_000))
    tenders = {CREDIT: 50_000, WALLET: 20_000, GIFT: 20_000, BANK: 10_000}
    every = tender_pb2.REFUND_STRATEGY_LAST_FIRST
    await people.ask(BEN.order("ord_ben", (("L1", 1, 100_000),), tenders, terms(12, fee_ppm=5_000, strategy=every)))
    await people.refused("ORDER_NOT_SHIPPED", refund("ord_ben", 100))
    await people.ask(ship("ord_ben"))
    await people.stage.wait(minutes=1)
    people.stage.bank.next.extend(
        [(PENDING, ""), None, (REJECTED, "account closed by court"), (REJECTED, "INSTRUMENT_CLOSED")]
    )
    for amount in (10_000, 10_001, 9_999, 5_000):
        await people.ask(refund("ord_ben", amount))
    people.stage.bank.confirm()
    await people.stage.wait(minutes=20)
    await people.refused("REFUND_EXCEEDS_REMAINING", refund("ord_ben", 65_001))
    await people.ask(refund("ord_ben", 65_000))
    await people.refused("REFUND_EXCEEDS_REMAINING", refund("ord_ben", 1))


async def _undone(people: People) -> None:
    """A refund is reversed: the last one, a named one, one whose bank part is on its way; never twice."""
    await people.ask(reverse("ord_quoted"))
    await _sold(people, "ord_undone", {CREDIT: 30_000, WALLET: 30_000, GIFT: 20_000, BANK: 20_000})
    people.stage.bank.next.append((PENDING, ""))
    settlement = (await people.ask(refund("ord_undone", 20_000))).settlement
    await people.ask(refund("ord_undone", 10_000))
    await people.ask(reverse("ord_undone", settlement_id=settlement.settlement_id))
    await people.refused("NO_REFUND_TO_REVERSE", reverse("ord_undone", settlement_id=settlement.settlement_id))
    await people.ask(reverse("ord_undone"))
    await people.refused("NO_REFUND_TO_REVERSE", reverse("ord_undone"))
    people.stage.bank.confirm()
    await people.stage.wait(hours=1)
    await people.ask(refund("ord_undone", 100_000))
    reason = order_pb2.CANCEL_REASON_OTHER
    again = order_service_pb2.CancelOrderRequest(order_id="ord_undone", reason=reason)
    await people.refused("ORDER_ALREADY_SHIPPED", again)
