"""The shop: what a customer buys, cancels and sends back, and what its merchant does, through the public API."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from settle.client.calls import call
from settle.client.customer import Customer
from settle.client.engine import Engine
from settle.client.requests import WAIT, fresh, money
from settlement.common.v1 import tender_pb2
from settlement.order.v1 import after_sale_service_pb2, order_pb2, order_service_pb2

Answer = Any  # a generated message
MERCHANT = "merchant-shu-fang"
FREE_DAYS = 7
"""For this many days after shipment a refund is free of fees (FE-1)."""


class Goods(NamedTuple):
    """What one line of an order buys."""

    title: str
    quantity: int
    price_minor: int
    sku: str = ""


class Payment(NamedTuple):
    """What one means of payment carries, named as in the contract: CREDIT, WALLET, GIFTCARD, BANKCARD."""

    kind: str
    amount_minor: int


def instalments(count: int, free_days: int = FREE_DAYS) -> tender_pb2.CreditTerms:
    """Credit in `count` monthly parts, for a fee of half a percent each."""
    return tender_pb2.CreditTerms(
        plan=tender_pb2.PLAN_TYPE_INSTALMENT, instalment_count=count, fee_ppm=5_000, free_days=free_days
    )


def units(quantities: Iterable[tuple[str, int]]) -> list[order_pb2.LineQuantity]:
    """Quantities of lines, by the line's id."""
    return [order_pb2.LineQuantity(line_id=line, quantity=quantity) for line, quantity in quantities]


class Shop:
    """One customer's orders."""

    def __init__(self, engine: Engine, customer: Customer) -> None:
        self.engine = engine
        self.customer = customer

    async def place(
        self, goods: Sequence[Goods], payments: Sequence[Payment], terms: tender_pb2.CreditTerms,
        merchant_id: str = MERCHANT, order_id: str = "",
    ) -> Answer:
        """Order these goods as line-1, line-2, ...; the engine gives the order an id if there is none."""
        request = order_service_pb2.PlaceOrderRequest(
            request_id=fresh(), order_id=order_id, customer_id=self.customer.customer_id, merchant_id=merchant_id,
            account_id=self.customer.account_id, lines=[_line(n, each) for n, each in enumerate(goods, start=1)],
            tenders=[self._tender(payment) for payment in payments], credit_terms=terms, wait_timeout=WAIT,
        )
        return (await call(self.engine.orders.PlaceOrder, request)).order

    def _tender(self, payment: Payment) -> Answer:
        return order_pb2.Tender(
            type=tender_pb2.TenderType.Value(f"TENDER_TYPE_{payment.kind}"), amount=money(payment.amount_minor),
            card_id=self.customer.card_id if payment.kind == "GIFTCARD" else "",
            payment_reference=f"pay-{uuid4().hex[:16]}" if payment.kind == "BANKCARD" else "",
        )

    async def order(self, order_id: str) -> Answer:
        """Read an order."""
        return (await call(self.engine.orders.GetOrder, order_service_pb2.GetOrderRequest(order_id=order_id))).order

    async def ship(self, order_id: str) -> Answer:
        """Have the merchant ship everything."""
        request = order_service_pb2.ConfirmShipmentRequest(request_id=fresh(), order_id=order_id, wait_timeout=WAIT)
        return (await call(self.engine.orders.ConfirmShipment, request)).settlement

    async def deliver(self, order_id: str) -> Answer:
        """Have the parcel arrive."""
        request = order_service_pb2.ConfirmDeliveryRequest(request_id=fresh(), order_id=order_id)
        return (await call(self.engine.orders.ConfirmDelivery, request)).order

    async def quote_cancel(self, order_id: str) -> Answer:
        """Ask what a cancel would give back."""
        request = order_service_pb2.QuoteRefundRequest(order_id=order_id, cancel=order_service_pb2.QuotedLines())
        return (await call(self.engine.orders.QuoteRefund, request)).quote

    async def cancel(self, order_id: str, quote: bytes) -> Answer:
        """Cancel as quoted."""
        request = order_service_pb2.CancelOrderRequest(
            request_id=fresh(), order_id=order_id, reason=order_pb2.CANCEL_REASON_NOT_WANTED, quote=quote,
            wait_timeout=WAIT,
        )
        return (await call(self.engine.orders.CancelOrder, request)).settlement

    async def send_back(self, order_id: str, quantities: Iterable[tuple[str, int]]) -> str:
        """Ask for a return, have it approved, hand the parcel in; answers the id of the case."""
        api = self.engine.after_sale
        asked = after_sale_service_pb2.RequestReturnRequest(
            request_id=fresh(), order_id=order_id, customer_id=self.customer.customer_id, lines=units(quantities),
            reason=after_sale_service_pb2.RETURN_REASON_NOT_WANTED,
        )
        return_id = str((await call(api.RequestReturn, asked)).return_case.return_id)
        approval = after_sale_service_pb2.ApproveReturnRequest(
            request_id=fresh(), return_id=return_id, order_id=order_id
        )
        await call(api.ApproveReturn, approval)
        parcel = after_sale_service_pb2.RegisterWaybillRequest(
            request_id=fresh(), return_id=return_id, order_id=order_id, waybill_number="SF1234567890"
        )
        await call(api.RegisterWaybill, parcel)
        return return_id

    async def quote_return(self, order_id: str, return_id: str) -> Answer:
        """Ask what the return will give back."""
        request = order_service_pb2.QuoteRefundRequest(order_id=order_id, return_id=return_id)
        return (await call(self.engine.orders.QuoteRefund, request)).quote

    async def receive(
        self, order_id: str, return_id: str, quote: bytes = b"", deductions: Sequence[Answer] = ()
    ) -> Answer:
        """Have the merchant take the goods back: it is refunded as quoted, less what is deducted."""
        request = after_sale_service_pb2.ConfirmReceiptRequest(
            request_id=fresh(), return_id=return_id, order_id=order_id, quote=quote, deductions=deductions,
            wait_timeout=WAIT,
        )
        return (await call(self.engine.after_sale.ConfirmReceipt, request)).settlement

    async def refund_amount(self, order_id: str, amount_minor: int, line_id: str = "") -> Answer:
        """Have money given back without goods: goodwill, or a price reduction of a line."""
        request = after_sale_service_pb2.RefundAmountRequest(
            request_id=fresh(), order_id=order_id, amount=money(amount_minor), line_id=line_id, wait_timeout=WAIT
        )
        return (await call(self.engine.after_sale.RefundAmount, request)).settlement

    async def dispute_deduction(self, order_id: str, return_id: str, evidence: Sequence[str] = ()) -> Answer:
        """Have the customer dispute what the merchant deducted."""
        request = after_sale_service_pb2.DisputeDeductionRequest(
            request_id=fresh(), return_id=return_id, order_id=order_id, customer_id=self.customer.customer_id,
            evidence=evidence,
        )
        return (await call(self.engine.after_sale.DisputeDeduction, request)).return_case

    async def explain(self, settlement_id: str) -> Answer:
        """Read the chain of rules behind a settlement."""
        request = order_service_pb2.ExplainSettlementRequest(settlement_id=settlement_id)
        return await call(self.engine.orders.ExplainSettlement, request)


def _line(number: int, goods: Goods) -> Answer:
    return order_pb2.NewLine(
        line_id=f"line-{number}", sku=goods.sku, title=goods.title, quantity=goods.quantity,
        unit_price=money(goods.price_minor),
    )
