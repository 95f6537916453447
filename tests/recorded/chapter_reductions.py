"""Prices reduced after the sale, goodwill, goods that come back for less or for nothing, and deductions in dispute."""

from typing import Any

from settlement.order.v1 import after_sale_service_pb2 as pb
from settlement.order.v1 import order_pb2, order_service_pb2
from tests.recorded.people import People
from tests.recorded.requests import (
    CREDIT,
    GIFT,
    WALLET,
    Customer,
    deliver,
    money,
    quote,
    refund,
    reverse,
    ship,
    terms,
    units,
)

DEE = Customer("dee")
ORDER = "ord_dee"


async def tell(people: People) -> None:
    """The chapter."""
    for request in (DEE.opening(500_000), DEE.funding(90_000), DEE.card(90_000)):
        await people.ask(request)
    await _reduced(people)
    await _deducted(people)
    await _for_nothing(people)
    await people.ask(order_service_pb2.GetOrderRequest(order_id=ORDER))
    listed = await people.ask(order_service_pb2.ListSettlementsRequest(order_id=ORDER))
    for settlement in listed.settlements:
        await people.ask(order_service_pb2.GetSettlementRequest(settlement_id=settlement.settlement_id))
        await people.ask(order_service_pb2.ExplainSettlementRequest(settlement_id=settlement.settlement_id))


async def _sent_back(people: People, **quantities: int) -> str:
    asked = pb.RequestReturnRequest(order_id=ORDER, lines=units(**quantities), reason=pb.RETURN_REASON_NOT_WANTED)
    return_id = str((await people.ask(asked)).return_case.return_id)
    await people.ask(pb.ApproveReturnRequest(return_id=return_id, order_id=ORDER))
    await people.ask(pb.RegisterWaybillRequest(return_id=return_id, order_id=ORDER, waybill_number="SF-99"))
    return return_id


def _worn(line_id: str, minor: int, *evidence: str) -> pb.Deduction:
    return pb.Deduction(
        line_id=line_id, amount=money(minor), reason=pb.DEDUCTION_REASON_WORN, evidence=evidence, note="scratches"
    )


def _receipt(return_id: str, *deductions: pb.Deduction, **fields: Any) -> pb.ConfirmReceiptRequest:
    return pb.ConfirmReceiptRequest(return_id=return_id, order_id=ORDER, deductions=deductions, **fields)


async def _reduced(people: People) -> None:
    """Three at 100.00 for 270.00: as quoted, undone, done again; one of them comes back for 90.00."""
    lines = (("L1", 3, 10_000), ("L2", 1, 20_000), ("L3", 2, 5_000))
    await people.ask(DEE.order(ORDER, lines, {CREDIT: 30_000, WALLET: 20_000, GIFT: 10_000}, terms(6, fee_ppm=5_000)))
    await people.ask(ship(ORDER))
    await people.ask(deliver(ORDER))
    await people.refused("REFUND_EXCEEDS_REMAINING", refund(ORDER, 30_001, line_id="L1"))
    await people.refused("UNKNOWN_LINE", refund(ORDER, 1, line_id="L9"))
    told = (await people.ask(quote(ORDER, amount=money(3_000), line_id="L1"))).quote
    await people.refused("QUOTE_INVALID", refund(ORDER, 3_000, quote=told.token))
    await people.ask(refund(ORDER, 3_000, line_id="L1", quote=told.token))
    await people.ask(reverse(ORDER))
    await people.ask(refund(ORDER, 3_000, line_id="L1"))
    case = await _sent_back(people, L1=1)
    await people.ask(_receipt(case))


async def _deducted(people: People) -> None:
    """Worn goods: too much, without evidence, as quoted; disputed by the customer, and one of two is given back."""
    first = await _sent_back(people, L1=1)
    await people.refused("DEDUCTION_EXCEEDS_WORTH", _receipt(first, _worn("L1", 9_001, "photo-1")))
    await people.refused("EVIDENCE_REQUIRED", _receipt(first, _worn("L1", 900)))
    less = order_pb2.LineAmount(line_id="L1", amount=money(900))
    told = (await people.ask(quote(ORDER, return_id=first, deductions=[less]))).quote
    await people.ask(_receipt(first, _worn("L1", 900, "photo-1"), quote=told.token))
    second = await _sent_back(people, L2=1)
    await people.ask(_receipt(second, _worn("L2", 1_500, "photo-2", "photo-3")))
    for return_id, decision in ((first, pb.DISPUTE_DECISION_UPHELD), (second, pb.DISPUTE_DECISION_REJECTED)):
        dispute = pb.DisputeDeductionRequest(
            return_id=return_id, order_id=ORDER, customer_id=DEE.id, note="it was like this", evidence=["film-1"]
        )
        await people.ask(dispute)
        await people.ask(pb.ResolveDisputeRequest(
            return_id=return_id, order_id=ORDER, operator_id="op-2", decision=decision, reason="as the photos show"
        ))
        await people.refused("RETURN_STATE", dispute)
    await people.ask(pb.ListReturnsRequest(order_id=ORDER))


async def _for_nothing(people: People) -> None:
    """Goodwill while goods are under way leaves less than they are worth, and then nothing: they are received."""
    less, nothing = await _sent_back(people, L3=1), await _sent_back(people, L1=1, L3=1)
    left = 60_000 - (await people.ask(order_service_pb2.GetOrderRequest(order_id=ORDER))).order.refunded.minor_units
    await people.ask(refund(ORDER, left - 2_000))
    await people.ask(_receipt(less))
    await people.ask(_receipt(nothing))
    await people.refused("REFUND_EXCEEDS_REMAINING", refund(ORDER, 1))
