"""AcquirerService over the ledger, with the faults that real acquirers have (RELIABILITY F37)."""

import asyncio
from datetime import datetime
from typing import Any, NoReturn

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2, error_details_pb2, status_pb2

from services.kernel.errors import InvalidArgument
from services.runtime.ground.paging import page_of
from services.runtime.ground.scalars import Words, instant_to_wire, money_to_wire
from settle.local.acquirer.faults import Dice, Faults
from settle.local.acquirer.ledger import CONFIRMED, PENDING, REJECTED, AcquirerLedger, BookedRefund, KeyReused
from settlement.sandbox.v1 import acquirer_service_pb2 as pb
from settlement.sandbox.v1 import acquirer_service_pb2_grpc as rpc

HANG_SECONDS = 60.0
LATE_SECONDS = 0.5
CLOSED_PREFIX = "closed_"
"""A payment reference that begins so was paid by an instrument that is closed now: its refunds are rejected."""
DOMAIN, STATUS_KEY = "settlement", "grpc-status-details-bin"
CLOSED, REFUSED = "INSTRUMENT_CLOSED", "REFUSED"
_STATES = Words(pb.AcquirerRefundState)
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
        try:
            page = page_of(request, ("",))
        except InvalidArgument as error:
            await _refuse(context, error)
        found = self._ledger.list(request.payment_reference, *page.after, page.limit)
        refunds, following = page.cut(found, lambda refund: (refund.key,), _shown)
        return pb.ListRefundsResponse(refunds=refunds, next_page_token=following)

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


async def _refuse(context: Context, error: InvalidArgument) -> NoReturn:
    """Say why, as all of our services do: a google.rpc.Status with one ErrorInfo."""
    status = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message=error.detail)
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata))
    details = ((STATUS_KEY, status.SerializeToString()),)
    await context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.detail, details)


def _detail(refund: BookedRefund) -> str:
    if refund.state != REJECTED:
        return ""
    return CLOSED if refund.reference.startswith(CLOSED_PREFIX) else REFUSED


def _shown(refund: BookedRefund) -> pb.AcquirerRefund:
    return pb.AcquirerRefund(
        idempotency_key=refund.key, payment_reference=refund.reference, state=_STATES.to_wire[refund.state],
        calls=refund.calls, amount=money_to_wire(refund.amount_minor), detail=_detail(refund),
        create_time=_time(refund.created_at), confirm_time=_time(refund.confirmed_at),
    )


def _time(text: str) -> Timestamp | None:
    return instant_to_wire(datetime.fromisoformat(text)) if text else None
