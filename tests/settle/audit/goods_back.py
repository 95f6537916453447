"""Return cases of the filled engine, in all their states, with deductions, disputes, reductions and reversals."""

from datetime import timedelta

from services.order.domain.commands import (
    ApproveReturn,
    DisputeDeduction,
    DisputeReceipt,
    DisputeRejection,
    RejectReturn,
    ResolveDispute,
    ReverseRefund,
    WithdrawReturn,
)
from tests.settle.audit.shopping import BANK, CREDIT, GIFT, WALLET, Buyer

PAID = {CREDIT: 60_001, WALLET: 6_000, GIFT: 5_000, BANK: 3_000}


async def cases(buyer: Buyer) -> None:
    """What has come to an end: refunded, with deductions that stand or were given back, rejected, withdrawn."""
    await buyer.buys("ord_cases", 9, PAID, delivered=True, coupon=1_234)
    await buyer.returns("ord_cases", 1)
    given, stands = await buyer.returns("ord_cases", 1, 300), await buyer.returns("ord_cases", 1, 200)
    for case, upheld in ((given, True), (stands, False)):
        await buyer.shop("ord_cases", DisputeDeduction("ord_cases", case, ("photo",), "as new", buyer.customer))
        await buyer.shop("ord_cases", ResolveDispute("ord_cases", case, upheld, "op-1", "looked at it"))
    withdrawn = await buyer.asks("ord_cases", 1)
    await buyer.shop("ord_cases", WithdrawReturn("ord_cases", withdrawn))
    rejected = await buyer.asks("ord_cases", 1)
    await buyer.shop("ord_cases", RejectReturn("ord_cases", rejected, "not ours"))
    await buyer.shop("ord_cases", DisputeRejection("ord_cases", rejected, ("bill",), "yours", buyer.customer))
    await buyer.shop("ord_cases", ResolveDispute("ord_cases", rejected, False, "op-2", "not theirs"))
    await buyer.refunds("ord_cases", 2_000, "L1")
    await buyer.refunds("ord_cases", 1_000, "L2")
    await buyer.shop("ord_cases", ReverseRefund("ord_cases", reason="twice"))
    await buyer.refunds("ord_cases", 500)
    disputed = await buyer.sends("ord_cases", 1)
    await buyer.shop("ord_cases", DisputeReceipt("ord_cases", disputed, ("video",), "a stone", "mer_2"))
    await buyer.shop("ord_cases", ResolveDispute("ord_cases", disputed, True, "op-1", "no stone"))
    expired = await buyer.asks("ord_cases", 1)
    await buyer.shop("ord_cases", ApproveReturn("ord_cases", expired, "1 Back Street"))
    await buyer.house.turn(timedelta(days=9))


async def cases_that_wait(buyer: Buyer) -> None:
    """What time or a person still decides."""
    await buyer.buys("ord_waits", 9, PAID, delivered=True)
    await buyer.asks("ord_waits", 1)
    approved = await buyer.asks("ord_waits", 2)
    await buyer.shop("ord_waits", ApproveReturn("ord_waits", approved, "1 Back Street"))
    await buyer.sends("ord_waits", 1)
    disputed = await buyer.sends("ord_waits", 1)
    await buyer.shop("ord_waits", DisputeReceipt("ord_waits", disputed, ("video",), "a stone", "mer_2"))
    rejected = await buyer.asks("ord_waits", 1)
    await buyer.shop("ord_waits", RejectReturn("ord_waits", rejected, "not ours"))
    taken = await buyer.returns("ord_waits", 1, 250)
    await buyer.returns("ord_waits", 1, 150)
    await buyer.shop("ord_waits", DisputeDeduction("ord_waits", taken, ("photo",), "as new", buyer.customer))
    await buyer.buys("ord_held", 2, PAID, shipped=False)
