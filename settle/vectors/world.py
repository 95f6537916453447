"""One case's own world: its customer, account, wallet, card and merchant, and what they are called on the wire."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from settle.client.calls import call
from settle.client.engine import Engine
from settle.client.requests import WAIT, money
from settle.vectors.scenario import Json, Scenario
from settlement.card_redemption.v1 import card_service_pb2
from settlement.common.v1 import tender_pb2
from settlement.credit_ledger.v1 import credit_service_pb2
from settlement.order.v1 import order_pb2, order_service_pb2

_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_CREDIT, _WALLET, _CARD, _BANK = "CREDIT", "WALLET", "GIFTCARD", "BANKCARD"


class Names:
    """Names of a case that the wire does not take get another one there, and come back as what they are."""

    def __init__(self) -> None:
        self._wire: dict[str, str] = {}
        self._case: dict[str, str] = {}

    def wire(self, name: str) -> str:
        """What stands for a name of the case."""
        if name not in self._wire:
            plain = _NAME.fullmatch(name) and name not in self._case
            self._wire[name] = name if plain else f"name-{len(self._wire)}"
            self._case[self._wire[name]] = name
        return self._wire[name]

    def case(self, wire: str) -> str:
        """The name that this stands for."""
        return self._case.get(wire, wire)


class World:
    """The ids of a case and the requests that need them."""

    def __init__(self, engine: Engine, scenario: Scenario) -> None:
        self.engine = engine
        self.scenario = scenario
        token = uuid4().hex[:20]
        self.account_id, self.card_id = f"acc_v{token}", f"crd_v{token}"
        self.customer_id, self.merchant_id = f"customer-{token}", f"merchant-{token}"
        self._token = token
        self._number = {order["id"]: number for number, order in enumerate(scenario.given["orders"])}
        self.orders: Mapping[str, Json] = {order["id"]: order for order in scenario.given["orders"]}
        self.instruments = Names()
        self._lines = Names()
        self.account_version = 0
        self.card_version = 0

    def order_id(self, name: str) -> str:
        """The order's id."""
        return f"ord_v{self._token}-{self._number[name]}"

    def request_id(self, *parts: object) -> str:
        """The id that these parts always give: events have their own, a key has one for all that use it."""
        return str(uuid5(NAMESPACE_URL, "/".join((self._token, *map(str, parts)))))

    async def set_up(self) -> None:
        """Grant the limit, fill the wallet, issue the card; nothing of it is compared."""
        given = self.scenario.given
        opening = credit_service_pb2.OpenAccountRequest(
            request_id=self.request_id("open"),
            account_id=self.account_id,
            customer_id=self.customer_id,
            limit=money(given["limit"]),
            bill_day=given.get("bill_day", 5),
            due_day=given.get("due_day", 15),
            surplus_policy=tender_pb2.SurplusPolicy.Value(f"SURPLUS_POLICY_{given.get('surplus_policy', 'KEEP')}"),
            late_fee_ppm_per_day=given.get("late_ppm", self.scenario.policies.get("late_fee_ppm_per_day", 500)),
        )
        await call(self.engine.credit.OpenAccount, opening)
        await self._fund_wallet()
        await self._issue_card()
        asked = credit_service_pb2.GetCreditAccountRequest(account_id=self.account_id)
        self.account_version = (await call(self.engine.credit.GetCreditAccount, asked)).account.version

    async def _fund_wallet(self) -> None:
        amount = self._sum_of(_WALLET)
        if amount:
            request = credit_service_pb2.FundWalletRequest(
                request_id=self.request_id("fund"), account_id=self.account_id, amount=money(amount)
            )
            await call(self.engine.credit.FundWallet, request)

    async def _issue_card(self) -> None:
        if any(tender["type"] == _CARD for order in self.orders.values() for tender in order["tenders"]):
            request = card_service_pb2.IssueCardRequest(
                request_id=self.request_id("issue"),
                card_id=self.card_id,
                customer_id=self.customer_id,
                face=money(max(1, self._sum_of(_CARD))),
            )
            issued = await call(self.engine.cards.IssueCard, request)
            self.card_version = issued.card.version

    def _sum_of(self, kind: str) -> int:
        return sum(t["amount"] for order in self.orders.values() for t in order["tenders"] if t["type"] == kind)

    def place(self, name: str, request_id: str) -> order_service_pb2.PlaceOrderRequest:
        """The request that places an order."""
        order = self.orders[name]
        request = order_service_pb2.PlaceOrderRequest(
            request_id=request_id,
            order_id=self.order_id(name),
            customer_id=self.customer_id,
            merchant_id=self.merchant_id,
            account_id=self.account_id,
            lines=[self._line(line) for line in order["lines"]],
            promotions=[self._promotion(promo, len(order["lines"])) for promo in order.get("promos", [])],
            tenders=[self._tender(name, tender) for tender in order["tenders"]],
            wait_timeout=WAIT,
        )
        if "platform_coupon" in order:
            request.platform_coupon.CopyFrom(money(order["platform_coupon"]))
        if any(tender["type"] == _CREDIT for tender in order["tenders"]):
            request.credit_terms.CopyFrom(self._terms(order))
        return request

    def quantities(self, lines: Json) -> list[Any]:  # Any: generated messages
        """Lines of a return."""
        return [order_pb2.LineQuantity(line_id=self._lines.wire(line["id"]), quantity=line["qty"]) for line in lines]

    def line_id(self, name: str) -> str:
        """The engine's name of a line."""
        return self._lines.wire(name)

    def _line(self, line: Json) -> Any:  # Any: a generated message
        return order_pb2.NewLine(
            line_id=self._lines.wire(line["id"]), quantity=line["qty"], unit_price=money(line["unit_price"])
        )

    def _promotion(self, promo: Json, count: int) -> Any:  # Any: a generated message
        return order_pb2.Promotion(amount=money(promo["amount"]), line_indexes=promo.get("lines", range(count)))

    def _tender(self, name: str, tender: Json) -> Any:  # Any: a generated message
        kind = tender["type"]
        return order_pb2.Tender(
            type=tender_pb2.TenderType.Value(f"TENDER_TYPE_{kind}"),
            amount=money(tender["amount"]),
            card_id=self.card_id if kind == _CARD else "",
            payment_reference=f"pay-{self._token}-{self._number[name]}" if kind == _BANK else "",
        )

    def _terms(self, order: Json) -> Any:  # Any: a generated message
        plan = order.get("plan", {"type": "INSTALMENT"})
        strategy = self.scenario.given.get("strategy", "PROPORTIONAL")
        return tender_pb2.CreditTerms(
            plan=tender_pb2.PlanType.Value(f"PLAN_TYPE_{plan['type']}"),
            instalment_count=plan.get("n", 1),
            fee_ppm=plan.get("fee_ppm", 0),
            defer_months=plan.get("defer_months", 1),
            flat_fee_minor=plan.get("flat_fee", 0),
            term_days=plan.get("term_days", 1),
            free_days=plan.get("free_days", -1),
            strategy=tender_pb2.RefundStrategy.Value(f"REFUND_STRATEGY_{strategy}"),
            route=tender_pb2.CreditRoute.Value(f"CREDIT_ROUTE_{order.get('route', 'DIRECT')}"),
        )
