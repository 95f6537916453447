"""AcquirerService over the ledger, with the faults that real acquirers have (RELIABILITY F37)."""

import asyncio
from datetime import datetime
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from services.kernel.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from services.runtime.ground.paging import page_of
from services.runtime.ground.scalars import Words, instant_to_wire, money_to_wire
from settle.local.acquirer.faults import Faults
from settle.local.acquirer.ledger import CONFIRMED, PENDING, REJECTED, AcquirerLedger, BookedRefund, KeyReused
from settle.local.shares import Dice
from settlement.sandbox.v1 import acquirer_service_pb2 as pb
from settlement.sandbox.v1 import acquirer_service_pb2_grpc as rpc

HANG_SECONDS = 60.0
LATE_SECONDS = 0.5
CLOSED_PREFIX = "closed_"
"""A payment reference that begins so was paid by an instrument that is closed now: its refunds are rejected."""
REFUSED_PREFIX = "refused_"
"""A payment reference that begins so is one whose money never goes back: it was charged back, or is not known."""
CLOSED, REFUSED, BOUNCED = "INSTRUMENT_CLOSED", "REFUSED", "BOUNCED"
_STATES = Words(pb.AcquirerRefundState)
Context = grpc.aio.ServicerContext[Any, Any]


class Acquirer(rpc.AcquirerServiceServicer):
    """`confirms` says whether a refund is confirmed at once or waits for ConfirmRefund.
    It refuses as all our services do."""

    def __init__(
        self, ledger: AcquirerLedger, confirms: bool, faults: Faults | None = None, late_seconds: float = LATE_SECONDS
    ) -> None:
        self._ledger = ledger
        self._confirms = confirms
        self._set(faults or Faults())
        self._late_seconds = late_seconds
        self._late: set[asyncio.Task[None]] = set()

    async def Refund(self, request: pb.RefundRequest, context: Context) -> pb.RefundResponse:
        """Refund a payment, once per key."""
        if request.amount.minor_units <= 0:
            raise InvalidArgument("INVALID_AMOUNT", "a refund is above 0", {"field": "amount"})
        if request.payment_reference.startswith(REFUSED_PREFIX):
            raise FailedPrecondition("PAYMENT_NOT_REFUNDABLE", f"nothing of {request.payment_reference} is refunded")
        dice, faults = self._dice, self._faults
        if dice.hit(faults.unavailable_ppm):
            raise Unavailable("UNAVAILABLE", "the acquirer is down")
        if dice.hit(faults.timeout_undone_ppm):
            await asyncio.sleep(HANG_SECONDS)
        if dice.hit(faults.late_done_ppm):
            self._book_later(request)
            await asyncio.sleep(HANG_SECONDS)
        try:
            refund = self._book(request)
        except KeyReused as error:
            told = "this idempotency key was used with other content"
            raise AlreadyExists("IDEMPOTENCY_CONFLICT", told) from error
        if dice.hit(faults.timeout_done_ppm):
            await asyncio.sleep(HANG_SECONDS)
        return pb.RefundResponse(refund=_shown(refund))

    async def GetRefund(self, request: pb.GetRefundRequest, context: Context) -> pb.GetRefundResponse:
        """What became of a refund."""
        return pb.GetRefundResponse(refund=_shown(_known(self._ledger.find(request.idempotency_key))))

    async def ConfirmRefund(self, request: pb.ConfirmRefundRequest, context: Context) -> pb.ConfirmRefundResponse:
        """The bank pays now; a second confirmation changes nothing."""
        return pb.ConfirmRefundResponse(refund=_shown(_known(self._ledger.confirm(request.idempotency_key))))

    async def BounceRefund(self, request: pb.BounceRefundRequest, context: Context) -> pb.BounceRefundResponse:
        """What had arrived comes back; one that never arrived stays as it is."""
        return pb.BounceRefundResponse(refund=_shown(_known(self._ledger.bounce(request.idempotency_key))))

    async def ListRefunds(self, request: pb.ListRefundsRequest, context: Context) -> pb.ListRefundsResponse:
        """All refunds, by key."""
        page = page_of(request, ("",))
        found = self._ledger.list(request.payment_reference, *page.after, page.limit)
        refunds, following = page.cut(found, lambda refund: (refund.key,), _shown)
        return pb.ListRefundsResponse(refunds=refunds, next_page_token=following)

    async def SetFaults(self, request: pb.SetFaultsRequest, context: Context) -> pb.SetFaultsResponse:
        """From now on the named share of the calls goes wrong."""
        self._set(Faults(**{field.name: getattr(request, field.name) for field in request.DESCRIPTOR.fields}))
        return pb.SetFaultsResponse()

    def _set(self, faults: Faults) -> None:
        self._faults, self._dice = faults, Dice(faults.seed)

    def _book(self, request: pb.RefundRequest) -> BookedRefund:
        refused = request.payment_reference.startswith(CLOSED_PREFIX) or self._dice.hit(self._faults.rejected_ppm)
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


def _known(refund: BookedRefund | None) -> BookedRefund:
    if refund is None:
        raise NotFound("LEG_NOT_FOUND", "no refund has this key")
    return refund


def _detail(refund: BookedRefund) -> str:
    if refund.state != REJECTED:
        return ""
    if refund.confirmed_at:
        return BOUNCED
    return CLOSED if refund.reference.startswith(CLOSED_PREFIX) else REFUSED


def _shown(refund: BookedRefund) -> pb.AcquirerRefund:
    return pb.AcquirerRefund(
        idempotency_key=refund.key, payment_reference=refund.reference, state=_STATES.to_wire[refund.state],
        calls=refund.calls, amount=money_to_wire(refund.amount_minor), detail=_detail(refund),
        create_time=_time(refund.created_at), confirm_time=_time(refund.confirmed_at),
    )


def _time(text: str) -> Timestamp | None:
    return instant_to_wire(datetime.fromisoformat(text)) if text else None
