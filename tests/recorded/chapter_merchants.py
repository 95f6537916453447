"""Merchants are paid what both books owe them, and asked for what was refunded after they were paid."""

from settlement.card_redemption.v1 import card_service_pb2
from settlement.credit_ledger.v1 import credit_service_pb2 as pb
from settlement.order.v1 import merchant_service_pb2
from tests.recorded.people import People
from tests.recorded.requests import CREDIT, GIFT, MERCHANT, WALLET, Customer, Tenders, money, refund, reverse, ship

FAY = Customer("fay")
PORCELAIN = "mer_porcelain"


async def tell(people: People) -> None:
    """The chapter."""
    await _paid(people)
    await _refunded_afterwards(people)


async def _paid(people: People) -> None:
    """The credit side in parts; the gift-card side in both books; never more than is owed."""
    await people.ask(FAY.opening(900_000))
    await people.ask(FAY.funding(100_000))
    await people.ask(FAY.card(80_000))
    for number in range(3):
        tenders: Tenders = {CREDIT: 20_000, WALLET: 10_000, GIFT: 10_000}
        await people.ask(FAY.order(f"ord_fay_{number}", (("L1", 4, 10_000),), tenders, merchant=PORCELAIN))
        await people.ask(ship(f"ord_fay_{number}"))
    await people.ask(pb.SettleMerchantRequest(merchant_id=MERCHANT, amount=money(10_000)))
    await people.ask(pb.SettleMerchantRequest(merchant_id=PORCELAIN, amount=money(90_000)))
    await people.refused("EXCEEDS_PAYABLE", pb.SettleMerchantRequest(merchant_id=PORCELAIN, amount=money(1)))
    await people.refused("EXCEEDS_PAYABLE", pb.SettleMerchantRequest(merchant_id="mer_nobody", amount=money(1)))
    settled = await people.ask(_gift_share(30_000))
    read = merchant_service_pb2.GetMerchantSettlementRequest(settlement_id=settled.merchant_settlement.settlement_id)
    await people.ask(read)
    refused = await people.ask(_gift_share(1))
    read.settlement_id = refused.merchant_settlement.settlement_id
    await people.ask(read)
    await people.refused("INVALID_AMOUNT", _gift_share(0))


def _gift_share(amount: int) -> merchant_service_pb2.SettleGiftCardShareRequest:
    return merchant_service_pb2.SettleGiftCardShareRequest(merchant_id=PORCELAIN, amount=money(amount))


async def _refunded_afterwards(people: People) -> None:
    """What the merchant was paid for comes back to the customer; a reversal and a new sale net it."""
    await people.ask(refund("ord_fay_0", 40_000))
    await people.ask(refund("ord_fay_1", 8_000))
    await people.ask(reverse("ord_fay_1"))
    await people.ask(FAY.order("ord_fay_gift", (("L1", 1, 9_000),), {GIFT: 9_000}, merchant=PORCELAIN))
    await people.ask(ship("ord_fay_gift"))
    await people.ask(_gift_share(5_000))
    await people.ask(refund("ord_fay_gift", 7_000))
    await people.ask(reverse("ord_fay_gift"))
    await people.ask(refund("ord_fay_gift", 1_000))
    tenders: Tenders = {CREDIT: 55_000, WALLET: 5_000}
    await people.ask(FAY.order("ord_fay_next", (("L1", 1, 60_000),), tenders, merchant=PORCELAIN))
    await people.ask(ship("ord_fay_next"))
    await people.ask(pb.GetMerchantBalanceRequest(merchant_id=PORCELAIN))
    await people.ask(pb.SettleMerchantRequest(merchant_id=PORCELAIN, amount=money(15_000)))
    await people.ask(pb.GetMerchantBalanceRequest(merchant_id=PORCELAIN))
    await people.ask(card_service_pb2.GetMerchantBalanceRequest(merchant_id=PORCELAIN))
