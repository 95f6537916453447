"""A buyer in the house: what one customer does with orders of two lines, in few words."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.credit_ledger.domain.model.commands import LegReport, ReportLeg
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
    RefundAmount,
    RegisterWaybill,
    RequestReturn,
)
from services.order.domain.credit_terms import CreditTerms, PlanKind, Route, Strategy
from services.order.domain.deductions import Deduction
from services.order.domain.lines import LineQuantity
from services.order.domain.pricing import Promotion
from services.order.domain.tenders import TenderType
from tests.settle.audit.house import House

CREDIT, WALLET, GIFT, BANK = TenderType.CREDIT, TenderType.WALLET, TenderType.GIFTCARD, TenderType.BANKCARD
INSTALMENTS = CreditTerms(instalment_count=6, fee_ppm=5_000)
FLASH = CreditTerms(instalment_count=3, fee_ppm=4_000, route=Route.FLASH)
DEFERRED = CreditTerms(
    plan=PlanKind.DEFERRED, defer_months=2, flat_fee_minor=990, term_days=60, free_days=7,
    strategy=Strategy.LAST_FIRST,
)


@dataclass(slots=True)
class Buyer:
    """A customer with an account and a card of the same number."""

    house: House
    number: str
    merchant: str = "mer_2"

    @property
    def account(self) -> str:
        """The credit account's id."""
        return f"acc_{self.number}"

    @property
    def customer(self) -> str:
        """The customer's id."""
        return f"cus_{self.number}"

    @property
    def card(self) -> str:
        """The gift card's id."""
        return f"crd_{self.number}"

    async def ledger(self, body: object) -> object:
        """Tell the credit ledger something about the account."""
        return await self._ask("credit_ledger", self.account, body)

    async def shop(self, order_id: str, body: object) -> object:
        """Tell the order service something about an order."""
        return await self._ask("order", order_id, body)

    async def buys(
        self, order_id: str, pieces: int, tenders: Mapping[TenderType, int], terms: CreditTerms = INSTALMENTS, *,
        shipped: bool = True, delivered: bool = False, coupon: int = 0,
    ) -> None:
        """An order of some pieces of one line and one of another that has a promotion."""
        references = {GIFT: self.card, BANK: f"payment-of-{order_id}"}
        each, rest = divmod(sum(tenders.values()), pieces + 1)
        await self.shop(order_id, PlaceOrder(
            order_id=order_id, customer_id=self.customer, merchant_id=self.merchant, account_id=self.account,
            lines=(
                NewLine("L1", pieces, each, sku="sku-1", title="a thing"),
                NewLine("L2", 1, each + rest + 101, sku="sku-2", title="a last thing"),
            ),
            tenders=tuple(NewTender(kind, amount, references.get(kind, "")) for kind, amount in tenders.items()),
            promotions=(Promotion(101, (1,), "spring"),), terms=terms if CREDIT in tenders else None,
            coupon_minor=coupon,
        ))
        if shipped or delivered:
            await self.shop(order_id, ConfirmShipment(order_id, waybill_number=f"SF-{order_id}"))
        if delivered:
            await self.shop(order_id, ConfirmDelivery(order_id))

    async def ships(self, order_id: str, pieces: int) -> None:
        """Some pieces of the first line go out."""
        await self.shop(order_id, ConfirmShipment(order_id, lines=(LineQuantity("L1", pieces),)))

    async def cancels(self, order_id: str, pieces: int) -> None:
        """Some pieces of the first line are cancelled."""
        lines = (LineQuantity("L1", pieces),)
        await self.shop(order_id, CancelOrder(order_id, "NOT_WANTED", note="too many", lines=lines))

    async def refunds(self, order_id: str, amount_minor: int, line_id: str = "") -> str:
        """Money back; answers the settlement's id."""
        await self.shop(order_id, RefundAmount(order_id, amount_minor, "late", line_id=line_id))
        query = "select id from sagas where root = $1 order by started_at desc, id limit 1"
        return await self.one("order", query, order_id)

    async def asks(self, order_id: str, pieces: int, line_id: str = "L1") -> str:
        """Ask for a return; answers the case's id."""
        before = await self.cases(order_id)
        units = (LineQuantity(line_id, pieces),)
        await self.shop(order_id, RequestReturn(order_id, units, self.customer, "DEFECTIVE", "it is"))
        return (await self.cases(order_id) - before).pop()

    async def sends(self, order_id: str, pieces: int, line_id: str = "L1") -> str:
        """A return as far as its waybill; answers the case's id."""
        case = await self.asks(order_id, pieces, line_id)
        await self.shop(order_id, ApproveReturn(order_id, case, "1 Back Street"))
        await self.shop(order_id, RegisterWaybill(order_id, case, f"SF-{case}", "SF"))
        return case

    async def returns(self, order_id: str, pieces: int, deducted_minor: int = 0, line_id: str = "L1") -> str:
        """A whole return, less a deduction; answers the case's id."""
        case = await self.sends(order_id, pieces, line_id)
        worn = (Deduction(line_id, deducted_minor, "WORN", ("photo",), "a scratch"),) if deducted_minor else ()
        await self.shop(order_id, ConfirmReceipt(order_id, case, deductions=worn))
        return case

    async def cases(self, order_id: str) -> set[str]:
        """The ids of an order's return cases."""
        rows = await self.house.connections["order"].fetch("select id from return_cases where order_id = $1", order_id)
        return {row["id"] for row in rows}

    async def leg(self, order_id: str) -> str:
        """The last leg of an order."""
        return await self.one(
            "credit_ledger", "select id from legs where order_id = $1 order by created_at desc, id limit 1", order_id
        )

    async def rail_says(self, leg_id: str, report: LegReport, detail: str = "") -> None:
        """The rail reports about a leg."""
        await self.ledger(ReportLeg(self.account, leg_id, report, detail))

    async def _ask(self, service: str, key: str, body: object) -> object:
        answer = await self.house.ask(service, key, body)
        assert not isinstance(answer, Refused), (body, answer)
        return answer

    async def one(self, service: str, query: str, key: str) -> str:
        """The one value that this query answers."""
        value = await self.house.connections[service].fetchval(query, key)
        assert isinstance(value, str), (query, key)
        return value
