"""The story: three orders on credit, of which one is cancelled, one returned in part, one whole over four books; then
three gift cards are recycled."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.kernel.calendar import BUSINESS_ZONE, business_date
from services.kernel.money import yuan
from settle.client.bank import Bank
from settle.client.desk import Desk
from settle.client.engine import Engine
from settle.client.shop import Goods, Payment, Shop, instalments
from settle.demo import figures
from settle.demo.recycling import Recycling
from settle.demo.telling import Teller
from settlement.credit_ledger.v1 import leg_pb2
from settlement.order.v1 import order_pb2, settlement_pb2

Answer = Any  # a generated message
LIMIT, WALLET, CARD = 2_000_000, 50_000, 30_000
START = datetime(2026, 3, 10, 9, tzinfo=BUSINESS_ZONE)
BILLS = ("2026-04-05", "2026-05-05")
MINUTES_MAX = 30
DONE = settlement_pb2.SETTLEMENT_STATE_DONE


class Story:
    """Tells the story on a running engine under the manual clock."""

    def __init__(self, engine: Engine, shop: Shop, desk: Desk, bank: Bank, teller: Teller) -> None:
        self._engine = engine
        self._customer = shop.customer
        self._shop = shop
        self._desk = desk
        self._bank = bank
        self._teller = teller
        self._now = START.astimezone(UTC)

    async def tell(self) -> None:
        """All chapters, in order."""
        await self._move(START)
        await self._opening()
        await self._cancelled()
        await self._partly_returned()
        await self._wholly_returned()
        await Recycling(self._engine, self._customer, self._teller, self._now).tell()

    async def _move(self, at: datetime) -> None:
        self._now = at.astimezone(UTC)
        await self._engine.set_clock(self._now)
        await self._engine.rest()

    async def _opening(self) -> None:
        teller = self._teller
        teller.chapter("A customer with credit")
        teller.say(
            f"It is {START:%d %B %Y, %H:%M} in Shanghai. A customer gets a credit account, a wallet and a gift card."
        )
        account = await self._desk.open_account(LIMIT, WALLET, CARD)
        teller.table("the account, yuan", figures.ACCOUNT, figures.account(account))
        teller.claim(f"{yuan(LIMIT)} can be spent on credit", account.available_limit.minor_units == LIMIT)

    async def _cancelled(self) -> None:
        teller, shop, desk = self._teller, self._shop, self._desk
        teller.chapter("An order on 12 instalments is cancelled")
        order = await shop.place([Goods("a telephone", 1, 360_000)], [Payment("CREDIT", 360_000)], instalments(12))
        held = await desk.account()
        teller.say(
            f"A telephone for 3600.00 on 12 instalments ({order.order_id}). Nothing is owed yet: the limit is held."
        )
        teller.table("the account, order placed", figures.ACCOUNT, figures.account(held))
        quote = await shop.quote_cancel(order.order_id)
        teller.say(f"Before the cancel a binding quote: {yuan(quote.amount.minor_units)} would come back.")
        settlement = await shop.cancel(order.order_id, quote.token)
        order, account = await shop.order(order.order_id), await desk.account()
        teller.table("the account, order cancelled", figures.ACCOUNT, figures.account(account))
        journals = await desk.journals(order.order_id)
        teller.table("all that was ever posted for it", figures.JOURNALS, figures.journals(journals))
        teller.claim("the limit was held while the order was open", held.held_limit.minor_units == 360_000)
        teller.claim("the cancel took effect everywhere", settlement.state == DONE)
        teller.claim("the order says cancelled", order.state == order_pb2.ORDER_STATE_CANCELLED)
        teller.claim("the whole limit is free again", account.available_limit.minor_units == LIMIT)
        teller.claim("not one yuan of debt ever existed: only the limit ledger moved",
                     figures.balanced(journals) and all(journal.unit == 2 for journal in journals))

    async def _partly_returned(self) -> None:
        teller, shop, desk = self._teller, self._shop, self._desk
        teller.chapter("Two instalments are repaid, then one of three items comes back")
        order = await shop.place([Goods("a chair", 3, 40_000)], [Payment("CREDIT", 120_000)], instalments(12))
        await shop.ship(order.order_id)
        first = await desk.instalments(order.order_id)
        teller.say(
            f"Three chairs at 400.00 on 12 instalments ({order.order_id});"
            " the merchant ships, the repayment plan starts."
        )
        teller.table("the repayment plan", figures.INSTALMENTS, figures.instalments(first))
        for bill_date in BILLS:
            await self._repay_bill(bill_date)
        before = await desk.instalments(order.order_id)
        teller.table("two instalments later", figures.INSTALMENTS, figures.instalments(before))
        await self._return_one_chair(order.order_id, before)

    async def _repay_bill(self, bill_date: str) -> None:
        teller, desk = self._teller, self._desk
        await self._move(datetime.fromisoformat(f"{bill_date}T00:00:00+08:00"))
        statement = await desk.bill(bill_date)
        await self._move(self._now + timedelta(days=3, hours=10))
        repaid = await desk.repay(statement.amount.minor_units)
        paid = business_date(self._now).isoformat()
        teller.say(f"The statement of {bill_date} asks for {yuan(statement.amount.minor_units)}; it is paid on {paid}.")
        teller.claim("the repayment paid exactly the bill", figures.spent(repaid) == statement.amount.minor_units > 0)

    async def _return_one_chair(self, order_id: str, before: list[Answer]) -> None:
        teller, shop, desk = self._teller, self._shop, self._desk
        account = await desk.account()
        return_id = await shop.send_back(order_id, [("line-1", 1)])
        quote = await shop.quote_return(order_id, return_id)
        teller.say(
            f"One chair is sent back. The binding quote: {yuan(quote.amount.minor_units)} come back,"
            f" {yuan(quote.limit_restored.minor_units)} of limit is restored; valid until {_local(quote.valid_until)}."
        )
        settlement = await shop.receive(order_id, return_id, quote.token)
        after, now = await desk.instalments(order_id), await desk.account()
        order = await shop.order(order_id)
        await self._refund_shown(order_id, settlement, after)
        quoted = {change.after.no: change.after for change in quote.instalments}
        same = all(quoted[row.no].outstanding_minor == row.outstanding_minor for row in after if row.no in quoted)
        teller.claim("the refund was settled as quoted", settlement.state == DONE and settlement.amount == quote.amount)
        teller.claim("every instalment is what the quote said", bool(quoted) and same)
        teller.claim("400.00 less is owed", figures.owed(before) - figures.owed(after) == 40_000)
        restored = now.available_limit.minor_units - account.available_limit.minor_units
        teller.claim("400.00 of the limit are free again", restored == 40_000)
        kept = [row for row in after if row.paid_minor]
        teller.claim("the two paid instalments stay paid", [row.paid_minor for row in kept] == [10_000, 10_000])
        teller.claim("in every row principal = paid + refunded + still owed", figures.conserved(after))
        teller.claim("the order is refunded in part", order.state == order_pb2.ORDER_STATE_PARTIALLY_REFUNDED)

    async def _wholly_returned(self) -> None:
        teller, shop, desk = self._teller, self._shop, self._desk
        teller.chapter("Credit + gift card + bank card, returned whole")
        payments = [Payment("CREDIT", 50_000), Payment("GIFTCARD", CARD), Payment("BANKCARD", 20_000)]
        account = await desk.account()
        order = await shop.place([Goods("a coat", 1, 100_000)], payments, instalments(6))
        await shop.ship(order.order_id)
        before, card = await desk.instalments(order.order_id), await desk.card()
        teller.say(
            f"A coat for 1000.00 ({order.order_id}): 500.00 on credit, 300.00 by gift card, 200.00 by bank card."
        )
        teller.table("its repayment plan", figures.INSTALMENTS, figures.instalments(before))
        teller.claim("the gift card is spent", card.balance.minor_units == 0)
        await self._move(self._now + timedelta(days=2))
        return_id = await shop.send_back(order.order_id, [("line-1", 1)])
        quote = await shop.quote_return(order.order_id, return_id)
        settlement = await shop.receive(order.order_id, return_id, quote.token)
        after, card, now = await desk.instalments(order.order_id), await desk.card(), await desk.account()
        order = await shop.order(order.order_id)
        await self._refund_shown(order.order_id, settlement, after)
        given = {figures.tender(share.type): share.amount.minor_units for share in settlement.tenders}
        both = settlement.state == DONE and len(settlement.branches) == 2
        teller.claim("both participants and the order ended together", both)
        paid = {"credit": 50_000, "giftcard": CARD, "bankcard": 20_000}
        teller.claim("every means of payment got its own back", given == paid)
        teller.claim("the gift card holds 300.00 again", card.balance.minor_units == CARD)
        teller.claim("nothing is owed on the order, in no row", figures.owed(after) == 0 and figures.conserved(after))
        teller.claim("the limit is what it was before the order", now.available_limit == account.available_limit)
        teller.claim("the order is refunded whole", order.state == order_pb2.ORDER_STATE_FULLY_REFUNDED)
        await self._bank_leg(order.order_id)

    async def _refund_shown(self, order_id: str, settlement: Answer, after: list[Answer]) -> None:
        teller, shop, desk = self._teller, self._shop, self._desk
        teller.table("what came back, yuan", figures.TENDERS, figures.tenders(settlement.tenders))
        teller.table("the repayment plan afterwards", figures.INSTALMENTS, figures.instalments(after))
        journals = await desk.journals(order_id, settlement.settlement_id)
        teller.table("the journals of both books", figures.JOURNALS, figures.journals(journals))
        explained = await shop.explain(settlement.settlement_id)
        teller.table("why: each figure with its rule", figures.STEPS, figures.steps(explained.steps))
        teller.claim("every journal balances", figures.balanced(journals))
        teller.claim("the explanation ends at the amount that came back", explained.amount == settlement.amount)

    async def _bank_leg(self, order_id: str) -> None:
        """The bank pays in its own time, after the settlement; the engine asks until it has."""
        teller, desk = self._teller, self._desk
        leg = await desk.leg(order_id, leg_pb2.LEG_STATE_ACCEPTED)
        teller.say(
            f"200.00 are on their way to the bank card ({leg.leg_id}):"
            " the acquirer accepted them and pays in its own time."
        )
        teller.claim("the acquirer accepted the refund once", leg.state == leg_pb2.LEG_STATE_ACCEPTED)
        refund = await self._bank.confirm(leg.leg_id)
        for _ in range(MINUTES_MAX):
            await self._move(self._now + timedelta(minutes=1))
            leg = (await desk.legs(order_id))[0]
            if leg.state == leg_pb2.LEG_STATE_SETTLED:
                break
        teller.say("The bank pays; the engine asks it, and books the money as arrived.")
        teller.table("the journal of the bank's payment", figures.JOURNALS, figures.journals(await self._arrived()))
        arrived = leg.state == leg_pb2.LEG_STATE_SETTLED and refund.amount == leg.amount
        teller.claim("200.00 arrived at the bank card", arrived)

    async def _arrived(self) -> list[Answer]:
        return [journal for journal in await self._desk.journals("") if journal.op == "card_refund_settled"]


def _local(stamp: Answer) -> str:
    at = stamp.ToDatetime(UTC).astimezone(BUSINESS_ZONE)
    return f"{at:%H:%M:%S on %d %B}"
