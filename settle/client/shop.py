"""What the people of the story do and see: each a call of the public API."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import grpc
from google.protobuf.duration_pb2 import Duration

from settle.client.engine import Engine, call
from settle.vectors.world import money
from settlement.card_redemption.v1 import card_service_pb2
from settlement.common.v1 import tender_pb2
from settlement.credit_ledger.v1 import credit_service_pb2, leg_pb2, statement_service_pb2
from settlement.order.v1 import after_sale_service_pb2, order_pb2, order_service_pb2
from settlement.sandbox.v1 import acquirer_service_pb2, acquirer_service_pb2_grpc

Answer = Any  # a generated message
WAIT = Duration(seconds=20)
LEG_SECONDS = 20.0
POLL_SECONDS = 0.05
MERCHANT = "merchant-shu-fang"


def fresh() -> str:
    """A new request id."""
    return str(uuid4())


class Shop:
    """One customer with a credit account, a wallet and a gift card, and the merchant and the bank around."""

    def __init__(self, engine: Engine, acquirer: str) -> None:
        self.engine = engine
        self._bank = grpc.aio.insecure_channel(acquirer)
        self._acquirer = acquirer_service_pb2_grpc.AcquirerServiceStub(self._bank)
        token = uuid4().hex[:16]
        self.customer_id, self.account_id, self.card_id = f"customer-{token}", f"acc_d{token}", f"crd_d{token}"

    async def close(self) -> None:
        """Give the connection to the bank back."""
        await self._bank.close()

    async def open_account(self, limit: int, wallet: int, card: int) -> Answer:
        """Grant a limit, fill the wallet, issue a gift card."""
        opening = credit_service_pb2.OpenAccountRequest(
            request_id=fresh(), account_id=self.account_id, customer_id=self.customer_id, limit=money(limit)
        )
        await call(self.engine.credit.OpenAccount, opening)
        funding = credit_service_pb2.FundWalletRequest(request_id=fresh(), account_id=self.account_id, amount=money(wallet))
        await call(self.engine.credit.FundWallet, funding)
        issuing = card_service_pb2.IssueCardRequest(
            request_id=fresh(), card_id=self.card_id, customer_id=self.customer_id, face=money(card)
        )
        await call(self.engine.cards.IssueCard, issuing)
        return await self.account()

    async def place(
        self, lines: Sequence[tuple[str, int, int]], tenders: Sequence[tuple[str, int]], count: int, merchant: str = MERCHANT
    ) -> Answer:
        """Order (title, quantity, price) lines, paid by (type, amount) tenders, the credit in `count` instalments."""
        request = order_service_pb2.PlaceOrderRequest(
            request_id=fresh(), customer_id=self.customer_id, merchant_id=merchant, account_id=self.account_id,
            lines=[
                order_pb2.NewLine(line_id=f"line-{number}", title=title, quantity=quantity, unit_price=money(price))
                for number, (title, quantity, price) in enumerate(lines, start=1)
            ],
            tenders=[self._tender(kind, amount) for kind, amount in tenders],
            credit_terms=tender_pb2.CreditTerms(
                plan=tender_pb2.PLAN_TYPE_INSTALMENT, instalment_count=count, fee_ppm=5000, free_days=7
            ),
            wait_timeout=WAIT,
        )
        return (await call(self.engine.orders.PlaceOrder, request)).order

    def _tender(self, kind: str, amount: int) -> Answer:
        card = self.card_id if kind == "GIFTCARD" else ""
        payment = f"pay-{uuid4().hex[:16]}" if kind == "BANKCARD" else ""
        number = tender_pb2.TenderType.Value(f"TENDER_TYPE_{kind}")
        return order_pb2.Tender(type=number, amount=money(amount), card_id=card, payment_reference=payment)

    async def order(self, order_id: str) -> Answer:
        """Read an order."""
        return (await call(self.engine.orders.GetOrder, order_service_pb2.GetOrderRequest(order_id=order_id))).order

    async def account(self) -> Answer:
        """Read the account."""
        request = credit_service_pb2.GetCreditAccountRequest(account_id=self.account_id)
        return (await call(self.engine.credit.GetCreditAccount, request)).account

    async def card(self) -> Answer:
        """Read the gift card."""
        return (await call(self.engine.cards.GetCard, card_service_pb2.GetCardRequest(card_id=self.card_id))).card

    async def ship(self, order_id: str) -> Answer:
        """The merchant ships everything."""
        request = order_service_pb2.ConfirmShipmentRequest(request_id=fresh(), order_id=order_id, wait_timeout=WAIT)
        return (await call(self.engine.orders.ConfirmShipment, request)).settlement

    async def quote_cancel(self, order_id: str) -> Answer:
        """What a cancel would give back."""
        request = order_service_pb2.QuoteRefundRequest(order_id=order_id, cancel=order_service_pb2.QuotedLines())
        return (await call(self.engine.orders.QuoteRefund, request)).quote

    async def cancel(self, order_id: str, quote: bytes) -> Answer:
        """Cancel as quoted."""
        request = order_service_pb2.CancelOrderRequest(
            request_id=fresh(), order_id=order_id, reason=order_pb2.CANCEL_REASON_NOT_WANTED, quote=quote, wait_timeout=WAIT
        )
        return (await call(self.engine.orders.CancelOrder, request)).settlement

    async def send_back(self, order_id: str, lines: Sequence[tuple[str, int]]) -> str:
        """Ask for a return, have it approved, hand the parcel in; the id of the case."""
        api = self.engine.after_sale
        asked = after_sale_service_pb2.RequestReturnRequest(
            request_id=fresh(), order_id=order_id, customer_id=self.customer_id,
            lines=[order_pb2.LineQuantity(line_id=line, quantity=quantity) for line, quantity in lines],
            reason=after_sale_service_pb2.RETURN_REASON_NOT_WANTED,
        )
        return_id = str((await call(api.RequestReturn, asked)).return_case.return_id)
        approval = after_sale_service_pb2.ApproveReturnRequest(request_id=fresh(), return_id=return_id, order_id=order_id)
        await call(api.ApproveReturn, approval)
        parcel = after_sale_service_pb2.RegisterWaybillRequest(
            request_id=fresh(), return_id=return_id, order_id=order_id, waybill_number="SF1234567890"
        )
        await call(api.RegisterWaybill, parcel)
        return return_id

    async def quote_return(self, order_id: str, return_id: str) -> Answer:
        """What the return will give back."""
        request = order_service_pb2.QuoteRefundRequest(order_id=order_id, return_id=return_id)
        return (await call(self.engine.orders.QuoteRefund, request)).quote

    async def receive(self, order_id: str, return_id: str, quote: bytes) -> Answer:
        """The merchant has the goods back: refund as quoted."""
        request = after_sale_service_pb2.ConfirmReceiptRequest(
            request_id=fresh(), return_id=return_id, order_id=order_id, quote=quote, wait_timeout=WAIT
        )
        return (await call(self.engine.after_sale.ConfirmReceipt, request)).settlement

    async def bill(self, bill_date: str) -> Answer:
        """The statement of a bill date, cut now unless the clock did it."""
        request = statement_service_pb2.CutStatementRequest(request_id=fresh(), account_id=self.account_id, bill_date=bill_date)
        return (await call(self.engine.statements.CutStatement, request)).statement

    async def repay(self, amount: int) -> Answer:
        """Repay from the bank account."""
        request = credit_service_pb2.RepayRequest(request_id=fresh(), account_id=self.account_id, amount=money(amount))
        return await call(self.engine.credit.Repay, request)

    async def instalments(self, order_id: str) -> list[Answer]:
        """The order's repayment table."""
        request = credit_service_pb2.ListInstalmentsRequest(account_id=self.account_id, order_id=order_id, page_size=500)
        return list((await call(self.engine.credit.ListInstalments, request)).instalments)

    async def journals(self, order_id: str, settlement_id: str = "") -> list[Answer]:
        """What both books posted for an order, or for one of its settlements."""
        credit = credit_service_pb2.ListJournalsRequest(root_id=self.account_id, order_id=order_id)
        cards = card_service_pb2.ListJournalsRequest(root_id=self.card_id, order_id=order_id)
        found = [
            *(await call(self.engine.credit.ListJournals, credit)).journals,
            *(await call(self.engine.cards.ListJournals, cards)).journals,
        ]
        return [journal for journal in found if settlement_id in ("", journal.settlement_id)]

    async def explain(self, settlement_id: str) -> Answer:
        """The chain of rules behind a settlement."""
        request = order_service_pb2.ExplainSettlementRequest(settlement_id=settlement_id)
        return await call(self.engine.orders.ExplainSettlement, request)

    async def legs(self, order_id: str) -> list[Answer]:
        """The order's payments to the outside world."""
        request = credit_service_pb2.ListLegsRequest(account_id=self.account_id)
        return [leg for leg in (await call(self.engine.credit.ListLegs, request)).legs if leg.order_id == order_id]

    async def leg(self, order_id: str, state: int) -> Answer:
        """The order's payment to the bank card, once it has come to this state; else as it is after a while."""
        deadline = time.monotonic() + LEG_SECONDS
        legs = await self.legs(order_id)
        while not (legs and legs[0].state == state) and time.monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            legs = await self.legs(order_id)
        return legs[0] if legs else leg_pb2.Leg()

    async def bank_confirms(self, leg_id: str) -> Answer:
        """The bank pays the refund out."""
        request = acquirer_service_pb2.ConfirmRefundRequest(idempotency_key=leg_id)
        return (await call(self._acquirer.ConfirmRefund, request)).refund
