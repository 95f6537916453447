"""A shop in the middle of its business, so that every request that changes something has something to change."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from google.protobuf.message import Message as Wire

from settlement.card_redemption.v1 import card_service_pb2 as card
from settlement.common.v1 import money_pb2, tender_pb2
from settlement.credit_ledger.v1 import credit_service_pb2 as credit
from settlement.order.v1 import after_sale_service_pb2 as sale
from settlement.order.v1 import order_pb2
from settlement.order.v1 import order_service_pb2 as order
from tests.extremes.engine import Answer, Engine

CUSTOMER, MERCHANT, ACCOUNT, CARD = "cus_1", "mer_1", "acc_1", "crd_1"
SHIPPED, WAITING, FLASH, WORN, NEW = "ord_shipped", "ord_waiting", "ord_flash", "ord_worn", "ord_new"
_IDS = UUID(int=7)
_TENDERS = {
    "CREDIT": tender_pb2.TENDER_TYPE_CREDIT, "WALLET": tender_pb2.TENDER_TYPE_WALLET,
    "GIFTCARD": tender_pb2.TENDER_TYPE_GIFTCARD, "BANKCARD": tender_pb2.TENDER_TYPE_BANKCARD,
}
PAPERS: dict[str, Any] = {"maker": "ann", "checker": "bob", "evidence": ["order page", "bill page"], "reason": "why"}
TERMS = tender_pb2.CreditTerms(plan=tender_pb2.PLAN_TYPE_INSTALMENT, instalment_count=3, fee_ppm=5000, free_days=7)
DEFERRED = tender_pb2.CreditTerms(
    plan=tender_pb2.PLAN_TYPE_DEFERRED, flat_fee_minor=600, term_days=30, route=tender_pb2.CREDIT_ROUTE_FLASH
)
DEDUCTION = sale.Deduction(
    line_id="L1", amount=money_pb2.Money(minor_units=100, currency_code="CNY"), reason=sale.DEDUCTION_REASON_WORN,
    evidence=["photo"],
)


def money(minor_units: int) -> money_pb2.Money:
    """Fen."""
    return money_pb2.Money(minor_units=minor_units, currency_code="CNY")


class Stage:
    """An engine, and the ids that what happened so far was given."""

    def __init__(self, engine: Engine, ids: Mapping[str, str], number: int = 0) -> None:
        self.engine, self.ids, self._number = engine, dict(ids), number

    def copy(self) -> "Stage":
        """The same stage, to be gone on with alone."""
        return Stage(self.engine.copy(), self.ids, self._number)

    def request_id(self) -> str:
        """The next one; the same on every stage that stands where this one does."""
        self._number += 1
        return str(uuid5(_IDS, str(self._number)))

    def ask(self, request: Wire) -> Answer:
        """Call; a request gets an id of its own."""
        if "request_id" in request.DESCRIPTOR.fields_by_name:
            request.request_id = self.request_id()  # type: ignore[attr-defined]  # the field is there
        for item in getattr(request, "requests", ()):
            item.request_id = self.request_id()
        return self.engine.call(request)

    def done(self, request: Wire) -> Any:  # Any: its response
        """Call, and it is done."""
        answer = self.ask(request)
        assert not answer.reason, (answer, request)
        return answer.response

    def place(self, order_id: str, terms: tender_pb2.CreditTerms = TERMS, **tenders: int) -> order.PlaceOrderRequest:
        """An order of two pieces that is paid with this."""
        return order.PlaceOrderRequest(
            order_id=order_id, customer_id=CUSTOMER, merchant_id=MERCHANT, account_id=ACCOUNT, credit_terms=terms,
            lines=[order_pb2.NewLine(
                line_id="L1", title="a thing", quantity=2, unit_price=money(sum(tenders.values()) // 2)
            )],
            tenders=[order_pb2.Tender(
                type=_TENDERS[kind], amount=money(amount), card_id=CARD if kind == "GIFTCARD" else "",
                payment_reference=f"pay_{order_id}" if kind == "BANKCARD" else "",
            ) for kind, amount in tenders.items()],
        )


def stage() -> Stage:
    """Orders waiting, shipped and refunded in part; a return asked for, one on its way, one with a deduction taken; a
    refund at the network."""
    set_up = Stage(Engine(), {})
    set_up.done(credit.OpenAccountRequest(account_id=ACCOUNT, customer_id=CUSTOMER, limit=money(1_000_000)))
    set_up.done(credit.FundWalletRequest(account_id=ACCOUNT, amount=money(1_000_000)))
    set_up.done(card.IssueCardRequest(card_id=CARD, customer_id=CUSTOMER, face=money(1_000_000)))
    mixed = {"CREDIT": 40_000, "WALLET": 20_000, "GIFTCARD": 20_000, "BANKCARD": 20_000}
    for order_id, terms, tenders in (
        (WAITING, TERMS, mixed), (SHIPPED, TERMS, mixed), (FLASH, DEFERRED, {"CREDIT": 50_000}),
        (WORN, TERMS, {"CREDIT": 10_000}),
    ):
        set_up.done(set_up.place(order_id, terms, **tenders))
    for order_id in (SHIPPED, FLASH, WORN):
        set_up.done(order.ConfirmShipmentRequest(order_id=order_id))
    set_up.done(order.ConfirmDeliveryRequest(order_id=SHIPPED))
    for name, order_id in (("requested", SHIPPED), ("travelling", SHIPPED), ("deducted", WORN)):
        case = {"return_id": set_up.done(send_back(order_id)).return_case.return_id, "order_id": order_id}
        set_up.ids[name] = case["return_id"]
        if name != "requested":
            set_up.done(sale.ApproveReturnRequest(**case))
            set_up.done(sale.RegisterWaybillRequest(**case, waybill_number="SF1"))
    set_up.done(sale.ConfirmReceiptRequest(return_id=set_up.ids["deducted"], order_id=WORN, deductions=[DEDUCTION]))
    set_up.done(sale.RefundAmountRequest(order_id=FLASH, amount=money(10_000)))
    set_up.done(credit.RepayRequest(account_id=ACCOUNT, amount=money(1_000)))
    set_up.engine.turn(set_up.engine.now + timedelta(hours=1))
    return set_up


def send_back(order_id: str) -> sale.RequestReturnRequest:
    """One piece is to go back."""
    return sale.RequestReturnRequest(
        order_id=order_id, customer_id=CUSTOMER, lines=[order_pb2.LineQuantity(line_id="L1", quantity=1)]
    )
