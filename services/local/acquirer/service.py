"""AcquirerService over the ledger, with the faults that real acquirers have (RELIABILITY F37)."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

import grpc

from services.local.acquirer.ledger import CONFIRMED, PENDING, REJECTED, AcquirerLedger, KeyReused, Refund
from settlement.common.v1 import money_pb2
from settlement.sandbox.v1 import acquirer_service_pb2 as pb
from settlement.sandbox.v1 import acquirer_service_pb2_grpc as rpc

PPM = 1_000_000
PAGE_SIZE = 100
HANG_SECONDS = 60.0
_STATES: dict[str, Any] = {name: pb.AcquirerRefundState.Value(f"ACQUIRER_REFUND_STATE_{name}") for name in (PENDING, CONFIRMED, REJECTED)}
Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(slots=True)
class Faults:
    """Shares in ppm of the calls that go wrong, drawn from a seeded source."""

    timeout_done_ppm: int = 0
    timeout_undone_ppm: int = 0
    unavailable_ppm: int = 0
    rejected_ppm: int = 0


class Acquirer(rpc.AcquirerServiceServicer):
    """`confirms` says whether a refund is confirmed at once or waits for ConfirmRefund."""

    def __init__(self, ledger: AcquirerLedger, confirms: bool, faults: Faults | None = None, seed: int = 0) -> None:
        self._ledger = ledger
        self._confirms = confirms
        self._faults = faults or Faults()
        self._random = Random(seed)

    async def Refund(self, request: pb.RefundRequest, context: Context) -> pb.RefundResponse:
        """Refund a payment, once per key."""
        faults = self._faults
        if self._drawn(faults.unavailable_ppm):
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the acquirer is down")
        if self._drawn(faults.timeout_undone_ppm):
            await asyncio.sleep(HANG_SECONDS)
        known = self._ledger.find(request.idempotency_key)
        fresh_state = REJECTED if self._drawn(faults.rejected_ppm) else CONFIRMED if self._confirms else PENDING
        try:
            refund = self._ledger.refund(
                request.idempotency_key, request.payment_reference, request.amount.minor_units,
                known.state if known else fresh_state,
            )
        except KeyReused:
            await context.abort(grpc.StatusCode.ALREADY_EXISTS, "this idempotency key was used with other content")
        if self._drawn(faults.timeout_done_ppm):
            await asyncio.sleep(HANG_SECONDS)
        return pb.RefundResponse(refund=_shown(refund))

    async def GetRefund(self, request: pb.GetRefundRequest, context: Context) -> pb.GetRefundResponse:
        """What became of a refund."""
        refund = self._ledger.find(request.idempotency_key)
        if refund is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no refund has this key")
        return pb.GetRefundResponse(refund=_shown(refund))

    async def ConfirmRefund(self, request: pb.ConfirmRefundRequest, context: Context) -> pb.ConfirmRefundResponse:
        """The bank pays now."""
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
        self._faults = Faults(
            request.timeout_done_ppm, request.timeout_undone_ppm, request.unavailable_ppm, request.rejected_ppm
        )
        self._random = Random(request.seed)
        return pb.SetFaultsResponse()

    def _drawn(self, ppm: int) -> bool:
        return ppm > 0 and self._random.randrange(PPM) < ppm


def _shown(refund: Refund) -> pb.AcquirerRefund:
    shown = pb.AcquirerRefund(
        idempotency_key=refund.key, payment_reference=refund.reference, state=_STATES[refund.state], calls=refund.calls,
        amount=money_pb2.Money(minor_units=refund.amount_minor, currency_code="CNY"),
    )
    shown.create_time.FromDatetime(datetime.fromisoformat(refund.created_at))
    if refund.confirmed_at:
        shown.confirm_time.FromDatetime(datetime.fromisoformat(refund.confirmed_at))
    return shown
