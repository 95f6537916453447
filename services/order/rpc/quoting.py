"""Binding quotes: the plan from the order's own rules, the account's side from a preview of the credit ledger (U1)."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from services.access import PLATFORM
from services.kernel.errors import Aborted, SettlementError, Unavailable
from services.order.domain import quotes, quoting
from services.order.domain.order import Order, owned
from services.order.domain.plans import CancellationPlan, RefundPlan
from services.order.domain.returns import ReturnCase
from services.order.domain.tenders import TenderType
from services.order.store.reads import find_case, find_order
from services.order.wire.quotes import quote_message
from services.order.wire.scalars import line_amounts, quantities
from services.runtime.ground.tables import Connection
from services.runtime.ground.tls import Certificates
from services.runtime.identity.signing import Signer
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from services.runtime.rpc.errors import from_rpc_error
from services.runtime.rpc.reading import NotYet, read_when
from services.runtime.rpc.server import channel
from settlement.credit_ledger.v1 import credit_service_pb2, credit_service_pb2_grpc, effects_pb2
from settlement.order.v1 import after_sale_service_pb2, order_pb2, order_service_pb2, quote_pb2, settlement_pb2

STALE = "QUOTE_STALE"
TOKEN_BYTES_MAX = 3_000
"""A fresh quote goes back in the error's metadata if it is not longer; headers have their limit."""


class Quoting:
    """Quotes for one service process; the channel to the credit ledger is made at the first one."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._key = edge.settings.key("quote")
        self._ledger: Any = None  # Any: the generated stub is typed for blocking channels
        self._signer = Signer(edge.settings, PLATFORM)

    def read(self, token: bytes) -> quotes.QuoteContent | None:
        """What a token pins; None for no token, QUOTE_INVALID for one that is not ours."""
        return quotes.read(token, self._key)

    async def quote(self, request: order_service_pb2.QuoteRefundRequest, context: Context) -> quote_pb2.RefundQuote:
        """The full result of this refund if it were accepted now."""
        now = await self._edge.now()
        order, case = await self._settled(request, context)
        plan = quoting.quoted_plan(order, case, _subject(request), now)
        preview = await self._preview(plan) if plan.money.in_credit_ledger else None
        return quote_message(order, plan, preview, self._key, now)

    @asynccontextmanager
    async def fresh_if_stale(self, request: Any, context: Context) -> AsyncIterator[None]:  # Any: requests with a quote
        """Give the QUOTE_STALE of the block a fresh quote, if there can be one."""
        try:
            yield
        except Aborted as error:
            if error.reason != STALE or not request.quote:
                raise
            raise Aborted(STALE, error.detail, {**error.metadata, **await self._fresh(request, context)}) from error

    async def _fresh(self, request: Any, context: Context) -> dict[str, str]:  # Any: requests with a quote
        try:
            quote = await self.quote(_asked_again(request), context)
        except SettlementError as error:  # nothing to quote any more; the caller learns why
            return {"no_quote": error.reason}
        if len(quote.token) > TOKEN_BYTES_MAX:
            return {"no_quote": "too long, ask QuoteRefund"}
        return {"quote": base64.b64encode(quote.token).decode(), "amount_minor": str(quote.amount.minor_units)}

    async def _settled(
        self, request: order_service_pb2.QuoteRefundRequest, context: Context
    ) -> tuple[Order, ReturnCase | None]:
        """The order once no settlement is under way on it, and the return case that is named."""

        async def look(connection: Connection) -> tuple[Order, ReturnCase | None]:
            order = owned(await find_order(connection, request.order_id), request.order_id, request.customer_id)
            if order.settlement_id:
                raise NotYet(Unavailable("SETTLEMENT_IN_PROGRESS", f"{order.settlement_id} is under way"))
            return order, await find_case(connection, request.return_id) if request.return_id else None

        return await read_when(self._edge, context, look, key=request.order_id)

    async def _preview(self, plan: quoting.QuotedPlan) -> effects_pb2.CreditPreview:
        if self._ledger is None:
            target = self._edge.settings.target("credit_ledger")
            opened = channel(target, certificates=Certificates.of(self._edge.settings))
            self._ledger = credit_service_pb2_grpc.CreditServiceStub(opened)
        try:
            answer = await self._ledger.PreviewRefund(_preview_request(plan), metadata=self._signer.metadata())
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error
        preview: effects_pb2.CreditPreview = answer.preview
        return preview


def accepted(
    settlement: settlement_pb2.Settlement, request: Any  # Any: requests with a quote
) -> settlement_pb2.Settlement:
    """The settlement; QUOTE_STALE if the credit ledger found that it would not be exactly as quoted."""
    if request.quote and settlement.state == settlement_pb2.SETTLEMENT_STATE_ABORTED and settlement.reason == STALE:
        raise Aborted(STALE, "the account has moved since the quote", {"settlement_id": settlement.settlement_id})
    return settlement


def _subject(request: order_service_pb2.QuoteRefundRequest) -> quoting.Subject:
    match request.WhichOneof("subject"):
        case "cancel":
            return quoting.OfCancel(quantities(request.cancel.lines))
        case "amount":
            return quoting.OfAmount(request.amount.minor_units, request.line_id)
        case "return_id":
            return quoting.OfReceipt(request.return_id, line_amounts(request.deductions))
        case _:
            return quoting.OfReturn(quantities(request.return_lines.lines))


def _preview_request(plan: quoting.QuotedPlan) -> credit_service_pb2.PreviewRefundRequest:
    money, release = plan.money, isinstance(plan, CancellationPlan)
    return credit_service_pb2.PreviewRefundRequest(
        account_id=money.account_id, order_id=money.order_id, merchant_id=money.merchant_id,
        credit_minor=money.of(TenderType.CREDIT), wallet_minor=money.of(TenderType.WALLET),
        bank_minor=money.of(TenderType.BANKCARD), coupon_minor=money.coupon_minor, release=release,
        goods_back=isinstance(plan, RefundPlan) and plan.goods_back,
    )


def _asked_again(request: Any) -> order_service_pb2.QuoteRefundRequest:  # Any: requests with a quote
    """The question that a refused acceptance would have needed an answer to."""
    asked = order_service_pb2.QuoteRefundRequest(order_id=request.order_id)
    if isinstance(request, order_service_pb2.CancelOrderRequest):
        asked.cancel.lines.extend(request.lines)
        asked.cancel.SetInParent()
        asked.customer_id = request.customer_id
    elif isinstance(request, after_sale_service_pb2.ConfirmReceiptRequest):
        asked.return_id = request.return_id
        asked.deductions.extend(
            order_pb2.LineAmount(line_id=each.line_id, amount=each.amount) for each in request.deductions
        )
    else:
        asked.amount.CopyFrom(request.amount)
        asked.line_id = request.line_id
    return asked
