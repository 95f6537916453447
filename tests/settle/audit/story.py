"""A small world with everything in it: holds, shipments, a bill, refunds, cards, a rail, an order turned down."""

from datetime import timedelta
from typing import cast

from services.card_redemption.domain.commands import IssueCard
from services.credit_ledger.domain.model.adjustment import AdjustedLine
from services.credit_ledger.domain.model.commands import CutStatement, FundWallet, OpenAccount, PostAdjustment, Repay
from services.kernel.calendar import business_date
from services.order.domain.commands import (
    CancelOrder,
    ConfirmReceipt,
    ConfirmShipment,
    NewLine,
    NewTender,
    PlaceOrder,
    RefundAmount,
    RefuseDelivery,
    ReverseRefund,
)
from services.order.domain.credit_terms import CreditTerms, Route
from services.order.domain.merchant_settlement import SettleGiftCardShare
from services.order.domain.tenders import TenderType
from services.runtime.stored.inbox import Answered
from settlement.order.v1.after_sale_service_pb2 import ReturnCase
from tests.settle.audit import card_lives
from tests.settle.audit.house import House

ACCOUNT, CUSTOMER, MERCHANT, CARD = "acc_1", "cus_1", "mer_1", "crd_1"
CREDIT, WALLET, GIFT, BANK = TenderType.CREDIT, TenderType.WALLET, TenderType.GIFTCARD, TenderType.BANKCARD


async def tell(house: House) -> None:
    """Let it all happen; nothing is under way afterwards."""
    await house.ask("credit_ledger", ACCOUNT, OpenAccount(ACCOUNT, CUSTOMER, 1_000_000))
    await house.ask("credit_ledger", ACCOUNT, FundWallet(ACCOUNT, 300_000))
    await house.ask("card_redemption", CARD, IssueCard(CARD, CUSTOMER, 200_000))
    await _place(house, "ord_cancelled", (CREDIT, 60_000), (WALLET, 10_000))
    await house.ask("order", "ord_cancelled", CancelOrder("ord_cancelled", "NOT_WANTED"))
    await _place(house, "ord_returned", (CREDIT, 120_000), (WALLET, 12_000), (GIFT, 12_000))
    await house.ask("order", "ord_returned", ConfirmShipment("ord_returned"))
    await _place(house, "ord_whole", (CREDIT, 50_000), (GIFT, 20_000), (BANK, 30_000))
    await house.ask("order", "ord_whole", ConfirmShipment("ord_whole"))
    await _place(house, "ord_flash", (CREDIT, 40_000), route=Route.FLASH)
    await house.ask("order", "ord_flash", ConfirmShipment("ord_flash"))
    house.now += timedelta(days=31)
    await house.ask("credit_ledger", ACCOUNT, CutStatement(ACCOUNT, business_date(house.now).replace(day=5)))
    await house.ask("credit_ledger", ACCOUNT, Repay(ACCOUNT, 5_000))
    await house.ask("order", "ord_returned", RefundAmount("ord_returned", 36_000))
    await house.ask("order", "ord_whole", RefundAmount("ord_whole", 100_000))
    await house.ask("order", "ord_flash", RefundAmount("ord_flash", 10_000))
    await house.ask("order", f"{MERCHANT}/mst_1", SettleGiftCardShare(MERCHANT, 4_000))
    await house.ask("order", f"{MERCHANT}/mst_2", SettleGiftCardShare(MERCHANT, 4_000_000))
    await _refund_after_payment(house)
    await house.ask("credit_ledger", ACCOUNT, PostAdjustment(
        account_id=ACCOUNT, order_id="ord_returned", case_id="case-7",
        lines=(AdjustedLine("A.BANK", 700), AdjustedLine("X.SUSPENSE", -700)), maker="ann", checker="bob",
        evidence=("order page", "bill page"), reason="from nobody knows whom", effective_date=business_date(house.now),
    ))
    await _returned_for_nothing(house)
    await _place(house, "ord_released", (CREDIT, 30_000), (GIFT, 30_000))
    await house.ask("order", "ord_released", CancelOrder("ord_released", "NOT_WANTED"))
    await _place(house, "ord_rejected", (CREDIT, 5_000_000), (GIFT, 1_000))
    await _place(house, "ord_paid_in_vain", (CREDIT, 5_000_000), (BANK, 7_000))
    await _place(house, "ord_waiting", (CREDIT, 25_000), (WALLET, 5_000), (GIFT, 5_000))
    await card_lives.live(house)


async def _refund_after_payment(house: House) -> None:
    """The merchant is paid all of its gift-card share, two orders are refunded, the last refund is undone (P23)."""
    await _place(house, "ord_gift", (GIFT, 6_000))
    await house.ask("order", "ord_gift", ConfirmShipment("ord_gift"))
    await house.ask("order", f"{MERCHANT}/mst_3", SettleGiftCardShare(MERCHANT, 11_000))
    await house.ask("order", "ord_returned", RefundAmount("ord_returned", 12_000, line_id="line-1"))
    await house.ask("order", "ord_gift", RefundAmount("ord_gift", 1_500))
    await house.ask("order", "ord_gift", RefundAmount("ord_gift", 2_500))
    await house.ask("order", "ord_gift", ReverseRefund("ord_gift"))


async def _returned_for_nothing(house: House) -> None:
    """Goods that cost the customer nothing come back; the merchant keeps the platform's coupon (9.4: T = 0)."""
    await house.ask("order", "ord_free", PlaceOrder(
        order_id="ord_free", customer_id=CUSTOMER, merchant_id=MERCHANT, account_id=ACCOUNT,
        lines=(NewLine("line-1", 1, 0),), tenders=(NewTender(WALLET, 0),), coupon_minor=5,
    ))
    await house.ask("order", "ord_free", ConfirmShipment("ord_free"))
    refused = cast(Answered, await house.ask("order", "ord_free", RefuseDelivery("ord_free", "SF1")))
    case = ReturnCase.FromString(refused.outcome)
    await house.ask("order", "ord_free", ConfirmReceipt("ord_free", case.return_id))


async def _place(house: House, order_id: str, *tenders: tuple[TenderType, int], route: Route = Route.DIRECT) -> None:
    references = {GIFT: CARD, BANK: f"payment-of-{order_id}"}
    total = sum(amount for _, amount in tenders)
    await house.ask("order", order_id, PlaceOrder(
        order_id=order_id, customer_id=CUSTOMER, merchant_id=MERCHANT, account_id=ACCOUNT,
        lines=(NewLine("line-1", 1, total),),
        tenders=tuple(NewTender(kind, amount, references.get(kind, "")) for kind, amount in tenders),
        terms=CreditTerms(instalment_count=12, fee_ppm=5_000, route=route),
    ))
