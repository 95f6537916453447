"""What networks do in the filled engine: legs in all their states, flash refunds, the comparison with the rail."""

from datetime import timedelta

from services.credit_ledger.domain.model.commands import (
    AdjustRefund,
    ConfirmFlashRefund,
    LegReport,
    RecordChargeback,
    RetryLeg,
    SettleLeg,
)
from services.credit_ledger.domain.model.reconciliation import (
    ACQUIRER,
    BEGINNING,
    Difference,
    DifferenceKind,
    Place,
    RailCompared,
    StartReconciliation,
)
from services.order.domain.commands import ReverseRefund
from tests.settle.audit.house import House
from tests.settle.audit.shopping import BANK, CREDIT, FLASH, WALLET, Buyer

PAPERS = ("order page", "bill page")


async def refunds(buyer: Buyer) -> None:
    """One order for each way in which a bank card's share can go back."""
    for name in ("paid", "refused", "closed", "accepted", "unknown", "by_hand", "retried", "taken_back", "anyway",
                 "bounced", "charged_back", "pending"):
        order_id = f"ord_{name}"
        await buyer.buys(order_id, 1, {CREDIT: 4_001, WALLET: 1_000, BANK: 6_000}, delivered=True)
        await buyer.refunds(order_id, 3_000)
        await _goes_on(buyer, name, order_id, await buyer.leg(order_id))


async def _goes_on(buyer: Buyer, name: str, order_id: str, leg: str) -> None:
    first = {
        "paid": LegReport.SETTLED, "refused": LegReport.REJECTED, "closed": LegReport.CLOSED,
        "accepted": LegReport.ACCEPTED, "unknown": LegReport.UNKNOWN, "by_hand": LegReport.REJECTED,
        "retried": LegReport.REJECTED, "taken_back": LegReport.SENT, "anyway": LegReport.ACCEPTED,
        "bounced": LegReport.SETTLED, "charged_back": LegReport.REJECTED,
    }
    if name in first:
        await buyer.rail_says(leg, first[name], f"the bank: {name}")
    if name == "by_hand":
        await buyer.ledger(SettleLeg(buyer.account, leg, order_id, "ann", "bob", PAPERS, "paid from the bank"))
    if name == "retried":
        await buyer.ledger(RetryLeg(buyer.account, leg, "op-1", "again"))
    if name in ("taken_back", "anyway"):
        await buyer.shop(order_id, ReverseRefund(order_id, reason="a mistake"))
    if name == "anyway":
        await buyer.rail_says(leg, LegReport.SETTLED)
        await buyer.refunds(order_id, 3_000)
    if name == "taken_back":
        await buyer.refunds(order_id, 11_001)
    if name == "bounced":
        await buyer.rail_says(leg, LegReport.REJECTED, "account unknown")
    if name == "charged_back":
        await buyer.ledger(
            RecordChargeback(buyer.account, order_id, f"payment-of-{order_id}", "cb-1", 6_000, "fraud")
        )


async def flash(buyer: Buyer) -> None:
    """Refunds at the flash network: confirmed, completed by people, undone, too late, and one that waits."""
    for name in ("confirmed", "manual", "undone", "too_late", "waits"):
        await buyer.buys(f"ord_flash_{name}", 1, {CREDIT: 5_001, WALLET: 900}, FLASH, delivered=True)
        if name != "waits":
            await buyer.refunds(f"ord_flash_{name}", 2_000)
    await buyer.ledger(ConfirmFlashRefund(buyer.account, "ord_flash_confirmed"))
    await buyer.ledger(ConfirmFlashRefund(buyer.account, "ord_flash_undone"))
    await buyer.shop("ord_flash_undone", ReverseRefund("ord_flash_undone"))
    await buyer.house.turn(timedelta(hours=25))
    await buyer.ledger(AdjustRefund(
        buyer.account, "ord_flash_manual", "ann", "bob", PAPERS, "the network said so on paper"
    ))
    await buyer.refunds("ord_flash_waits", 1_000)


async def compared(house: House) -> None:
    """The rail's list beside the legs: two payments differ, one of them not for long; a second comparison goes on."""
    for ended in (True, False):
        await house.ask("credit_ledger", ACQUIRER, StartReconciliation(ACQUIRER))
        run = await house.connections["credit_ledger"].fetchval("select run from reconciliations")
        differences = (
            Difference("leg_strange", DifferenceKind.UNKNOWN_LEG, "", "payment-x", 0, 77, "who is it"),
            Difference("leg_other", DifferenceKind.UNKNOWN_LEG, "", "payment-y", 0, 78, "gone soon"),
        )
        await house.ask("credit_ledger", ACQUIRER, RailCompared(
            reconciliation_id=ACQUIRER, run=run, place=BEGINNING, differences=differences[: 1 + ended],
            agreed=() if ended else ("leg_other",), ask=(), compared=40,
            following=None if ended else Place("c1", "leg_q"),
        ))
