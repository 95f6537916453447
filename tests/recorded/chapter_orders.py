"""Orders before they ship: placed, refused, cancelled whole and in part, expired; then shipped at once and by lines."""

from settlement.common.v1 import tender_pb2
from settlement.order.v1 import order_pb2, order_service_pb2
from tests.recorded.people import People
from tests.recorded.requests import (
    BANK,
    CREDIT,
    GIFT,
    MERCHANT,
    OTHER_MERCHANT,
    WALLET,
    Customer,
    Tenders,
    cancel,
    deliver,
    money,
    quote,
    ship,
    terms,
    units,
)

ANN = Customer("ann")
SILK = (("L1", 2, 30_000), ("L2", 1, 40_001))


async def opening(people: People) -> None:
    """Ann gets an account, a wallet and a card; what is set up twice or wrongly is refused."""
    await people.ask(ANN.opening(3_000_000))
    await people.refused("ACCOUNT_EXISTS", ANN.opening(1))
    await people.refused("INVALID_ARGUMENT", Customer("no such name!").opening(1))
    await people.ask(ANN.funding(400_000))
    await people.ask(ANN.card(500_000))
    await people.refused("CARD_EXISTS", ANN.card(1))


async def placed(people: People) -> None:
    """Every mix of tenders, with promotions and a coupon; what does not add up, or is not there, is refused."""
    every: Tenders = {CREDIT: 60_000, WALLET: 10_001, GIFT: 20_000, BANK: 10_000}
    await people.ask(ANN.order("ord_mixed", SILK, every))
    await people.ask(ANN.order("ord_credit", SILK, {CREDIT: 100_001}, terms(6, fee_ppm=6_000)))
    await people.ask(ANN.order("ord_gift", (("L1", 3, 5_000),), {GIFT: 15_000}, merchant=OTHER_MERCHANT))
    await people.ask(ANN.order(
        "ord_coupon", SILK, {CREDIT: 50_000, WALLET: 40_001}, platform_coupon=money(5_000),
        promotions=[order_pb2.Promotion(amount=money(10_000), line_indexes=[0, 1], title="spring")],
    ))
    await people.ask(ANN.order("ord_free", (("L1", 1, 0),), {WALLET: 0}))
    await people.refused("ORDER_EXISTS", ANN.order("ord_gift", (("L1", 1, 1),), {GIFT: 1}))
    await people.refused("TENDERS_DO_NOT_SUM", ANN.order("ord_wrong", SILK, {CREDIT: 100_000}))
    twice = ANN.order("ord_twice", (("L1", 1, 2),), {WALLET: 1})
    twice.tenders.add().CopyFrom(twice.tenders[0])
    await people.refused("DUPLICATE_TENDER", twice)
    await people.ask(ANN.order("ord_too_dear", (("L1", 1, 9_000_000),), {CREDIT: 9_000_000}))
    await people.ask(ANN.order("ord_dear_mix", (("L1", 1, 9_007_000),), {CREDIT: 9_000_000, GIFT: 2_000, BANK: 5_000}))
    await people.ask(ANN.order("ord_no_value", (("L1", 1, 600_000),), {GIFT: 599_000, WALLET: 1_000}))
    stolen = ANN.order("ord_stolen", (("L1", 1, 700),), {BANK: 700})
    stolen.tenders[0].payment_reference = "pay-ord_mixed"
    await people.ask(stolen)
    await people.ask(Customer("nobody").order("ord_nobody", (("L1", 1, 700),), {WALLET: 700}))


async def cancelled(people: People) -> None:
    """Whole, by lines, by support, as quoted, with a stale quote, in bulk; the second is refused."""
    told = (await people.ask(quote("ord_mixed", cancel=order_service_pb2.QuotedLines()))).quote
    await people.ask(cancel("ord_mixed", quote=told.token))
    await people.refused("ORDER_CANCELLED", cancel("ord_mixed"))
    await people.refused("ORDER_CANCELLED", ship("ord_mixed"))
    told = (await people.ask(quote("ord_coupon", cancel=order_service_pb2.QuotedLines(lines=units(L1=1))))).quote
    await people.ask(cancel("ord_coupon", lines=units(L2=1)))
    await people.refused("QUOTE_STALE", cancel("ord_coupon", lines=units(L1=1), quote=told.token))
    await people.refused("QUOTE_INVALID", cancel("ord_coupon", lines=units(L1=1), quote=b"made up"))
    told = (await people.ask(quote("ord_coupon", cancel=order_service_pb2.QuotedLines(lines=units(L1=1))))).quote
    await people.ask(ANN.funding(1))
    await people.ask(cancel("ord_coupon", lines=units(L1=1), quote=told.token))
    await people.ask(cancel("ord_coupon"))
    await people.ask(order_service_pb2.ForceCancelOrderRequest(order_id="ord_free", operator_id="op-1", note="a trick"))
    await people.refused("ORDER_NOT_FOUND", cancel("ord_unknown"))
    await people.refused("ORDER_NOT_FOUND", cancel("ord_credit", customer_id="cus_ben"))
    for name in ("ord_bulk_1", "ord_bulk_2"):
        await people.ask(ANN.order(name, (("L1", 1, 1_000),), {CREDIT: 400, GIFT: 600}))
    bulk = order_service_pb2.BatchCancelOrdersRequest(requests=[
        cancel(name, request_id=people.request_id()) for name in ("ord_bulk_1", "ord_mixed", "ord_bulk_2")
    ])
    await people.ask(bulk)


async def shipped(people: People) -> None:
    """At once, and line by line with the rest cancelled; parcels arrive."""
    await people.ask(ship("ord_credit"))
    await people.refused("ORDER_ALREADY_SHIPPED", cancel("ord_credit"))
    await people.refused("ORDER_ALREADY_SHIPPED", ship("ord_credit"))
    await people.ask(ship("ord_gift"))
    mixed: Tenders = {CREDIT: 50_000, WALLET: 30_001, GIFT: 20_000}
    await people.ask(ANN.order("ord_by_lines", SILK, mixed, platform_coupon=money(777)))
    await people.ask(ship("ord_by_lines", lines=units(L1=1)))
    await people.ask(ship("ord_by_lines", lines=units(L2=1), merchant_id=MERCHANT))
    await people.refused("ORDER_NOT_FOUND", ship("ord_by_lines", merchant_id=OTHER_MERCHANT))
    await people.refused("LINE_STATE", ship("ord_by_lines", lines=units(L1=2)))
    await people.refused("UNKNOWN_LINE", ship("ord_by_lines", lines=units(L9=1)))
    await people.ask(cancel("ord_by_lines", lines=units(L1=1)))
    await people.ask(deliver("ord_credit"))
    await people.ask(deliver("ord_by_lines"))
    await people.refused("ORDER_NOT_SHIPPED", deliver("ord_mixed"))
    await people.ask(ANN.order(
        "ord_whole", (("L1", 4, 25_000),), {CREDIT: 40_000, WALLET: 15_000, GIFT: 25_000, BANK: 20_000},
        terms(3, fee_ppm=4_000, strategy=tender_pb2.REFUND_STRATEGY_EQUAL),
    ))
    await people.ask(ship("ord_whole"))
    await people.ask(deliver("ord_whole"))
    await people.ask(ANN.order("ord_forgotten", SILK, {CREDIT: 50_000, GIFT: 30_000, BANK: 20_001}))
    await people.ask(ANN.order("ord_half_forgotten", SILK, {CREDIT: 50_000, WALLET: 50_001}))
    await people.ask(ship("ord_half_forgotten", lines=units(L2=1)))


async def tell(people: People) -> None:
    """The chapter."""
    await opening(people)
    await placed(people)
    await cancelled(people)
    await shipped(people)
