"""AcquirerService over the ledger, with the faults that real acquirers have (RELIABILITY F37)."""

import asyncio
from datetime import datetime
from typing import Any

import grpc

from settle.local.acquirer.faults import Dice, Faults
from settle.local.acquirer.ledger import CONFIRMED, PENDING, REJECTED, AcquirerLedger, BookedRefund, KeyReused
from settlement.common.v1 import money_pb2
from settlement.sandbox.v1 import acquirer_service_pb2 as pb
from settlement.sandbox.v1 import acquirer_service_pb2_grpc as rpc

PAGE_SIZE = 50
HANG_SECONDS = 60.0
LATE_SECONDS = 0.5
CLOSED_PREFIX = "closed_"
"""A payment reference that begins so was paid by an instrument that is closed now: its refunds are rejected."""
CLOSED, REFUSED = "INSTRUMENT_CLOSED", "REFUSED"
_STATES: dict[str, Any] = {
    name: pb.AcquirerRefundState.Value(f"ACQUIRER_REFUND_STATE_{name}") for name in (PENDING, CONFIRMED, REJECTED)
}
Context = grpc.aio.ServicerContext[Any, Any]


class Acquirer(rpc.AcquirerServiceServicer):
    """`confirms` says whether a refund is confirmed at once or waits for ConfirmRefund."""

    def __init__(
        self, ledger: AcquirerLedger, confirms: bool, faults: Faults | None = None, late_seconds: float = LATE_SECONDS
    ) -> None:
        self._ledger = ledger
        self._confirms = confirms
        self._dice = Dice(faults or Faults())
        self._late_seconds = late_seconds
        self._late: set[asyncio.Task[None]] = set()

    async def Refund(self, request: pb.RefundRequest, context: Context) -> pb.RefundResponse:
        """Refund a payment, once per key."""
        await _valid(request, context)
        dice, faults = self._dice, self._dice.faults
        if dice.hit(faults.unavailable_ppm):
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the acquirer is down")
        if dice.hit(faults.timeout_undone_ppm):
            await asyncio.sleep(HANG_SECONDS)
        if dice.hit(faults.late_done_ppm):
            self._book_later(request)
            await asyncio.sleep(HANG_SECONDS)
        try:
            refund = self._book(request)
        except KeyReused:
            await context.abort(grpc.StatusCode.ALREADY_EXISTS, "this idempotency key was used with other content")
        if dice.hit(faults.timeout_done_ppm):
            await asyncio.sleep(HANG_SECONDS)
        return pb.RefundResponse(refund=_shown(refund))

    async def GetRefund(self, request: pb.GetRefundRequest, context: Context) -> pb.GetRefundResponse:
        """What became of a refund."""
        refund = self._ledger.find(request.idempotency_key)
        if refund is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no refund has this key")
        return pb.GetRefundResponse(refund=_shown(refund))

    async def ConfirmRefund(self, request: pb.ConfirmRefundRequest, context: Context) -> pb.ConfirmRefundResponse:
        """The bank pays now; a second confirmation changes nothing."""
        refund = self._ledger.confirm(request.idempotency_key)
        if refund is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no refund has this key")
        return pb.ConfirmRefundResponse(refund=_shown(refund))

    async def ListRefunds(self, request: pb.ListRefundsRequest, context: Context) -> pb.ListRefundsResponse:
        """All refunds, by key."""
        size = request.page_size or PAGE_SIZE
        found = self._ledger.list(request.payment_reference, request.page_token, size + 1)
        more = found[size - 1].key if len(found) > size else ""
        return pb.ListRefundsResponse(refunds=[_shown(refund) for refund in found[:size]], next_page_token=more)

    async def SetFaults(self, request: pb.SetFaultsRequest, context: Context) -> pb.SetFaultsResponse:
        """From now on so many calls go wrong."""
        try:
            faults = Faults(**{field.name: getattr(request, field.name) for field in request.DESCRIPTOR.fields})
        except ValueError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        self._dice = Dice(faults)
        return pb.SetFaultsResponse()

    def _book(self, request: pb.RefundRequest) -> BookedRefund:
        refused = request.payment_reference.startswith(CLOSED_PREFIX) or self._dice.hit(self._dice.faults.rejected_ppm)
        state = REJECTED if refused else CONFIRMED if self._confirms else PENDING
        amount_minor = request.amount.minor_units
        return self._ledger.refund(request.idempotency_key, request.payment_reference, amount_minor, state)

    def _book_later(self, request: pb.RefundRequest) -> None:
        """The call ends with its caller's patience; the booking does not."""

        async def late() -> None:
            await asyncio.sleep(self._late_seconds)
            self._book(request)

        task = asyncio.get_running_loop().create_task(late())
        self._late.add(task)
        task.add_done_callback(self._late.discard)


async def _valid(request: pb.RefundRequest, context: Context) -> None:
    paid = request.amount.minor_units > 0 and request.amount.currency_code == "CNY"
    if not (request.idempotency_key and request.payment_reference and paid):
        text = "a refund has a key, a payment and an amount in CNY above 0"
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, text)


def _detail(refund: BookedRefund) -> str:
    if refund.state != REJECTED:
        return ""
    return CLOSED if refund.reference.startswith(CLOSED_PREFIX) else REFUSED


def _shown(refund: BookedRefund) -> pb.AcquirerRefund:
    shown = pb.AcquirerRefund(
        idempotency_key=refund.key, payment_reference=refund.reference, state=_STATES[refund.state], calls=refund.calls,
        amount=money_pb2.Money(minor_units=refund.amount_minor, currency_code="CNY"),
        detail=_detail(refund),
    )
    shown.create_time.FromDatetime(datetime.fromisoformat(refund.created_at))
    if refund.confirmed_at:
        shown.confirm_time.FromDatetime(datetime.fromisoformat(refund.confirmed_at))
    return shown
