"""The family that is cloned: two customers, made through the public API while the manual clock goes by.

One has orders that are new, the other orders on which two instalments were billed and repaid. Each has two orders that
are not shipped (to be cancelled) and two whose goods are on their way back (to be received: one whole, one in part).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from settle.bench.targets import Target
from settle.client.customer import Customer
from settle.client.desk import BILL_DAY, Desk
from settle.client.engine import Engine
from settle.client.shop import Goods, Payment, Shop, instalments
from settle.client.tokens import Tokens
from settlement.order.v1 import order_pb2, settlement_pb2

MIXES = {"credit": {"CREDIT": 70, "WALLET": 30}, "mixed": {"CREDIT": 60, "WALLET": 15, "GIFTCARD": 25}}
"""Percent of an order by each means of payment."""
PRICES = (129_900, 45_050, 8_325)
GOODS = tuple(Goods("goods", 2, price, f"sku-{n}") for n, price in enumerate(PRICES, start=1))
TERMS = instalments(12, free_days=-1)
LIMIT, WALLET, CARD = 10_000_000, 5_000_000, 5_000_000


class Family:
    """Builds the customers; `targets` are the orders that the load settles, once for each clone."""

    def __init__(self, services: Mapping[str, str], mix: str, tokens: Tokens | None) -> None:
        self._engine = Engine(services, tokens=tokens)
        self._percents = MIXES[mix]
        self.targets: list[Target] = []

    async def build(self, now: datetime) -> None:
        """All of it; afterwards the engine's clock stands at `now`."""
        bills = _bill_dates(now)
        await self._engine.set_clock(bills[0] - timedelta(days=10))
        repaying = await self._open()
        shipped = [await self._shipped(repaying, "mer_repaid") for _ in range(2)]
        for bill in bills:
            await self._engine.set_clock(bill + timedelta(days=3))
            await self._repay(repaying, bill)
        await self._engine.set_clock(now - timedelta(days=2))
        await self._finish(repaying, "mer_repaid", shipped)
        new = await self._open()
        shipped = [await self._shipped(new, "mer_unpaid") for _ in range(2)]
        await self._finish(new, "mer_unpaid", shipped)
        await self._engine.set_clock(now)

    async def close(self) -> None:
        """Give the connections back."""
        await self._engine.close()

    async def _open(self) -> Customer:
        customer = Customer.new()
        card_minor = CARD if "GIFTCARD" in self._percents else 0
        await Desk(self._engine, customer).open_account(LIMIT, WALLET, card_minor)
        return customer

    async def _finish(self, customer: Customer, merchant_id: str, shipped: list[str]) -> None:
        """Two new orders, and the shipped ones sent back: the first whole, the second one piece of it."""
        shop = Shop(self._engine, customer)
        for _ in range(2):
            self.targets.append(Target(await self._placed(customer, merchant_id)))
        everything = [(f"line-{n}", goods.quantity) for n, goods in enumerate(GOODS, start=1)]
        for order_id, quantities in zip(shipped, (everything, [("line-1", 1)]), strict=True):
            self.targets.append(Target(order_id, await shop.send_back(order_id, quantities)))

    async def _placed(self, customer: Customer, merchant_id: str) -> str:
        total = sum(goods.quantity * goods.price_minor for goods in GOODS)
        amounts = {kind: total * percent // 100 for kind, percent in self._percents.items()}
        amounts["CREDIT"] += total - sum(amounts.values())
        order = await Shop(self._engine, customer).place(
            GOODS, [Payment(kind, amount) for kind, amount in amounts.items()], TERMS, merchant_id,
            order_id=f"ord_{uuid4().hex}",
        )
        if order.state != order_pb2.ORDER_STATE_AWAITING_SHIPMENT:
            raise RuntimeError(f"{order.order_id} was not placed: {order_pb2.OrderState.Name(order.state)}")
        return str(order.order_id)

    async def _shipped(self, customer: Customer, merchant_id: str) -> str:
        shop, order_id = Shop(self._engine, customer), await self._placed(customer, merchant_id)
        settlement = await shop.ship(order_id)
        if settlement.state != settlement_pb2.SETTLEMENT_STATE_DONE:
            raise RuntimeError(f"{order_id} was not shipped: {settlement_pb2.SettlementState.Name(settlement.state)}")
        await shop.deliver(order_id)
        return order_id

    async def _repay(self, customer: Customer, bill: datetime) -> None:
        desk = Desk(self._engine, customer)
        await desk.bill(bill.date().isoformat())
        due = (await desk.account()).due.minor_units
        if not due:
            raise RuntimeError(f"nothing is due of {customer.account_id} after the bill of {bill.date()}")
        await desk.repay(due)


def _bill_dates(now: datetime) -> list[datetime]:
    """The last two bill instants that are at least four days past, in the business zone's midnight."""
    dates: list[datetime] = []
    month = datetime(now.year, now.month, BILL_DAY, tzinfo=UTC)
    while len(dates) < 2:
        if month < now - timedelta(days=5):
            dates.insert(0, month)
        month = (month.replace(day=1) - timedelta(days=1)).replace(day=BILL_DAY)
    return dates
