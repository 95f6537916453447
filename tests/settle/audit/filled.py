"""A filled engine: the story, and after it half a year in which every table gets rows in many states.

Everything was decided by the real rules, so it is clean; nothing is under way at the end, but much waits: for a timer,
for a person, for a network. What is over for long has been pruned: digests, answers, events.
"""

from datetime import UTC, datetime, timedelta

from services.card_redemption.domain.commands import IssueCard
from services.credit_ledger.domain.model.account import AccountState
from services.credit_ledger.domain.model.commands import (
    AccrueLateFees,
    ChargeOff,
    FundWallet,
    GrantLimit,
    OpenAccount,
    PayOutCreditBalance,
    Repay,
    SetAccountState,
    SettleMerchant,
    WaiveLateFees,
)
from services.credit_ledger.domain.model.payout_switch import PAYOUTS, PausePayouts, ResumePayouts
from services.credit_ledger.domain.model.terms import SurplusPolicy
from services.kernel.calendar import business_date
from services.order.domain.commands import RefundAmount
from services.order.domain.lines import LineAmount
from services.order.domain.merchant_settlement import SettleGiftCardShare
from services.order.domain.quotes import QuoteContent
from tests.settle.audit import at_the_rail, card_lives, disputing, goods_back, kept_for_long, recycled
from tests.settle.audit.house import House
from tests.settle.audit.shopping import BANK, CREDIT, DEFERRED, GIFT, WALLET, Buyer
from tests.settle.audit.story import tell
from tests.settle.audit.two_people import agreed, put_in_force

BEGIN = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)
BUYERS = ("2", "3", "4", "5")


async def fill(house: House) -> None:
    """Let it all happen."""
    await tell(house)
    buyers = {number: Buyer(house, number) for number in BUYERS}
    for number, buyer in buyers.items():
        await _arrives(house, buyer, number)
    await recycled.open_channels(house)
    await recycled.before(house)
    await agreed(house, "agr_old")
    await disputing.dispute(house, "old")
    await _half_a_year(house, buyers["2"], buyers["3"], buyers["5"])
    await kept_for_long.pruned(house)
    await put_in_force(house)
    await at_the_rail.refunds(buyers["2"])
    await at_the_rail.compared(house)
    await recycled.ended(house)
    await disputing.dispute(house)
    await goods_back.cases(buyers["3"])
    await goods_back.cases_that_wait(buyers["4"])
    await at_the_rail.flash(buyers["4"])
    await _quoted(house, buyers["4"])
    await _merchants(house)
    await _closed(house, buyers["5"])
    await recycled.waiting(house)
    await _paused(house)
    await kept_for_long.set_aside(house)
    await card_lives.sealed(house)


async def _arrives(house: House, buyer: Buyer, number: str) -> None:
    policy = SurplusPolicy.LIFO if number == "2" else SurplusPolicy.KEEP
    await buyer.ledger(OpenAccount(
        buyer.account, buyer.customer, 2_000_000 + int(number), bill_day=8 + int(number), due_day=20,
        surplus_policy=policy, late_fee_ppm_per_day=700,
    ))
    await buyer.ledger(FundWallet(buyer.account, 500_000 + int(number)))
    await house.ask("card_redemption", buyer.card, IssueCard(buyer.card, buyer.customer, 300_000 + int(number)))
    await buyer.ledger(GrantLimit(buyer.account, 2_500_000 + int(number)))


async def _half_a_year(house: House, first: Buyer, second: Buyer, third: Buyer) -> None:
    """Orders that are billed, repaid, late, written off; one that nobody ships, one whose after-sale time ends."""
    await first.buys("ord_done", 2, {CREDIT: 60_000, WALLET: 3_000, GIFT: 4_001}, delivered=True, coupon=999)
    await first.buys("ord_late", 1, {CREDIT: 240_001, BANK: 2_222}, delivered=True)
    await first.buys("ord_never", 3, {CREDIT: 30_000, WALLET: 1_500, GIFT: 777}, shipped=False)
    await first.buys("ord_deferred", 1, {CREDIT: 50_000}, DEFERRED, delivered=True)
    await second.buys("ord_parts", 4, {CREDIT: 80_001, WALLET: 6_003, GIFT: 4_002, BANK: 2_001}, shipped=False)
    await second.ships("ord_parts", 1)
    await second.cancels("ord_parts", 1)
    await second.ships("ord_parts", 1)
    await third.buys("ord_written_off", 1, {CREDIT: 33_333}, delivered=True)
    await second.buys("ord_surplus", 1, {CREDIT: 20_000}, delivered=True)
    await second.buys("ord_too_dear", 1, {CREDIT: 9_000_000, GIFT: 5}, shipped=False)
    for month in range(7):
        await house.turn(timedelta(days=29))
        await first.ledger(AccrueLateFees(first.account, business_date(house.now)))
        await first.ledger(Repay(first.account, 7_000 + month, "BANK" if month % 2 else "CARD-7"))
        await second.ledger(Repay(second.account, 9_000 + month))
        if month == 1:
            await first.ledger(WaiveLateFees(first.account, "asked kindly"))
            await first.refunds("ord_late", 5_000)
        if month == 3:
            await first.refunds("ord_done", 50_000)
            await second.refunds("ord_surplus", 20_000)
        if month == 5:
            await third.ledger(ChargeOff(third.account, "ord_written_off", "gone"))
            await third.refunds("ord_written_off", 3_000)
    await second.ledger(PayOutCreditBalance(second.account, 300))


async def _paused(house: House) -> None:
    """Operators hold payouts, let them go on, and hold them again."""
    for body in (PausePayouts(PAYOUTS, "ops_1", "bank holiday"), ResumePayouts(PAYOUTS, "ops_2", "bank is back"),
                 PausePayouts(PAYOUTS, "ops_1", "another one")):
        await house.ask("credit_ledger", PAYOUTS, body)


async def _quoted(house: House, buyer: Buyer) -> None:
    """A price reduction just as it was quoted (U1)."""
    await buyer.buys("ord_quoted", 2, {CREDIT: 9_001, GIFT: 1_000}, delivered=True)
    order = await house.connections["order"].fetchval("select version from orders where id = 'ord_quoted'")
    account = await house.connections["credit_ledger"].fetchval(
        "select version from credit_accounts where id = $1", buyer.account
    )
    await buyer.shop("ord_quoted", RefundAmount("ord_quoted", 700, "late", line_id="L1", quote=QuoteContent(
        order_id="ord_quoted", kind="refund", amount_minor=700, lines=(), order_version=order,
        account_version=account, valid_until=house.now + timedelta(minutes=5), digest="what was promised",
        amounts=(LineAmount("L1", 700),),
    )))


async def _merchants(house: House) -> None:
    await house.ask("credit_ledger", "mer_2/00", SettleMerchant("mer_2", 20_000))
    await house.ask("order", "mer_2/mst_4", SettleGiftCardShare("mer_2", 3_000))
    await house.ask("order", "mer_2/mst_5", SettleGiftCardShare("mer_2", 99_000_000))


async def _closed(house: House, buyer: Buyer) -> None:
    await buyer.ledger(SetAccountState(buyer.account, AccountState.SUSPENDED, "lost"))
    await house.ask("credit_ledger", "acc_6", OpenAccount("acc_6", "cus_6", 100))
    await house.ask("credit_ledger", "acc_6", SetAccountState("acc_6", AccountState.CLOSED, "gone"))
