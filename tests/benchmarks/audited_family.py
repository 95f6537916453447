"""What `auditing` clones: two customers with a gift card each, and eight orders of three lines.

One has just opened the account; of the other two instalments were billed and repaid. Each has an order that waits, one
that was cancelled, one that came back whole and one of which a piece came back.
"""

import uuid
from datetime import timedelta

from services.card_redemption.domain.commands import IssueCard
from services.credit_ledger.domain.model.commands import FundWallet, OpenAccount, Repay
from services.kernel.decision import Refused
from services.order.domain.commands import (
    ApproveReturn,
    CancelOrder,
    ConfirmDelivery,
    ConfirmReceipt,
    ConfirmShipment,
    NewLine,
    NewTender,
    PlaceOrder,
    RegisterWaybill,
    RequestReturn,
)
from services.order.domain.credit_terms import CreditTerms
from services.order.domain.lines import LineQuantity
from services.order.domain.tenders import TenderType
from tests.settle.audit.house import House

ORDERS = 8
LINES = tuple(NewLine(f"line-{n}", 2, price) for n, price in enumerate((129_900, 45_050, 8_325), start=1))
TENDERS = {TenderType.CREDIT: 219_930, TenderType.WALLET: 54_982, TenderType.GIFTCARD: 91_638}
TERMS = CreditTerms(instalment_count=12, fee_ppm=5_000)
REPAID_MINOR = 60_000


async def family(house: House) -> None:
    """Let it all happen."""
    repaying = _Member(house, "mer_repaid")
    await repaying.opens()
    sent = [await repaying.buys(delivered=True) for _ in range(2)]
    for _ in range(2):
        await house.turn(timedelta(days=31))
        await repaying.asks("credit_ledger", repaying.account, Repay(repaying.account, REPAID_MINOR))
    await repaying.ends(sent)
    new = _Member(house, "mer_unpaid")
    await new.opens()
    await new.ends([await new.buys(delivered=True) for _ in range(2)])


class _Member:
    """A customer, who buys from a merchant of his own, so that his share of it can be told."""

    def __init__(self, house: House, merchant: str) -> None:
        self._house, self._merchant = house, merchant
        self.account, self.customer, self.card = (f"{kind}_{uuid.uuid4().hex}" for kind in ("acc", "cus", "crd"))

    async def asks(self, service: str, key: str, body: object) -> None:
        """Have it decided, with all that follows."""
        answer = await self._house.ask(service, key, body)
        assert not isinstance(answer, Refused), (body, answer)

    async def opens(self) -> None:
        """An account, a wallet and a card that are not soon empty."""
        opened = OpenAccount(self.account, self.customer, 10_000_000)
        await self.asks("credit_ledger", self.account, opened)
        await self.asks("credit_ledger", self.account, FundWallet(self.account, 5_000_000))
        await self.asks("card_redemption", self.card, IssueCard(self.card, self.customer, 5_000_000))

    async def buys(self, delivered: bool = False) -> str:
        """An order; answers its id."""
        order_id = f"ord_{uuid.uuid4().hex}"
        await self.asks("order", order_id, PlaceOrder(
            order_id=order_id, customer_id=self.customer, merchant_id=self._merchant, account_id=self.account,
            lines=LINES, terms=TERMS, tenders=tuple(
                NewTender(kind, amount, self.card if kind is TenderType.GIFTCARD else "")
                for kind, amount in TENDERS.items()
            ),
        ))
        if delivered:
            await self.asks("order", order_id, ConfirmShipment(order_id, waybill_number=f"SF-{order_id}"))
            await self.asks("order", order_id, ConfirmDelivery(order_id))
        return order_id

    async def ends(self, sent: list[str]) -> None:
        """An order that waits, one that is cancelled; of those that were sent one comes back whole, of one a piece."""
        await self.buys()
        cancelled = await self.buys()
        await self.asks("order", cancelled, CancelOrder(cancelled, "NOT_WANTED"))
        everything = tuple(LineQuantity(line.id, line.quantity) for line in LINES)
        for order_id, units in zip(sent, (everything, everything[:1]), strict=True):
            await self._sends_back(order_id, units)

    async def _sends_back(self, order_id: str, units: tuple[LineQuantity, ...]) -> None:
        await self.asks("order", order_id, RequestReturn(order_id, units, self.customer, "DEFECTIVE"))
        orders = self._house.connections["order"]
        case = await orders.fetchval("select id from return_cases where order_id = $1", order_id)
        await self.asks("order", order_id, ApproveReturn(order_id, case, "1 Back Street"))
        await self.asks("order", order_id, RegisterWaybill(order_id, case, f"SF-{case}", "SF"))
        await self.asks("order", order_id, ConfirmReceipt(order_id, case))
