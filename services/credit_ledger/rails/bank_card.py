"""The bank-card acquirer over gRPC: idempotency key = leg id, so that asking twice pays once (PM-6)."""

from collections.abc import Sequence

import grpc

from services.credit_ledger.domain.model.commands import LegReport
from services.credit_ledger.domain.model.leg import SendLeg
from services.credit_ledger.domain.model.reconciliation import Listed
from services.runtime.ground.tls import Certificates
from services.runtime.rpc.errors import from_rpc_error
from services.runtime.rpc.server import channel
from settlement.common.v1 import money_pb2
from settlement.sandbox.v1 import acquirer_service_pb2 as pb
from settlement.sandbox.v1.acquirer_service_pb2_grpc import AcquirerServiceStub

SECONDS_MAX = 2.0
CLOSED = "INSTRUMENT_CLOSED"
"""The acquirer's word for an instrument that does not exist any more (PM-3)."""
_REPORTS = {
    pb.ACQUIRER_REFUND_STATE_PENDING: LegReport.ACCEPTED,
    pb.ACQUIRER_REFUND_STATE_CONFIRMED: LegReport.SETTLED,
    pb.ACQUIRER_REFUND_STATE_REJECTED: LegReport.REJECTED,
}
_FINAL = {grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION}


class BankCardRail:
    """A client of the acquirer; keeps one channel as long as the process lives."""

    def __init__(
        self, target: str, seconds_max: float = SECONDS_MAX, certificates: Certificates | None = None
    ) -> None:
        self._stub = AcquirerServiceStub(channel(target, deadline_seconds=None, certificates=certificates))
        self._seconds_max = seconds_max

    async def send(self, leg: SendLeg) -> tuple[LegReport, str]:
        """Ask for the refund; a time-out is UNKNOWN, a refusal REJECTED."""
        request = pb.RefundRequest(
            idempotency_key=leg.leg_id, payment_reference=leg.reference,
            amount=money_pb2.Money(minor_units=leg.amount_minor, currency_code="CNY"),
        )
        try:
            answer = await self._stub.Refund(request, timeout=self._seconds_max)
        except grpc.aio.AioRpcError as error:
            return _report(error)
        return _told(answer.refund)

    async def list(self, cursor: str, limit: int) -> tuple[Sequence[Listed], str]:
        """A page of the acquirer's refunds, by key; an acquirer that does not answer raises."""
        request = pb.ListRefundsRequest(page_size=limit, page_token=cursor)
        answer = await self._stub.ListRefunds(request, timeout=self._seconds_max)
        return [_listed(refund) for refund in answer.refunds], answer.next_page_token

    async def query(self, leg_id: str) -> tuple[LegReport, str] | None:
        """Ask about it by its key; None says that the request
        never arrived. A refused question is no refused payment."""
        try:
            answer = await self._stub.GetRefund(pb.GetRefundRequest(idempotency_key=leg_id), timeout=self._seconds_max)
        except grpc.aio.AioRpcError as error:
            return None if error.code() is grpc.StatusCode.NOT_FOUND else (LegReport.UNKNOWN, _detail(error))
        return _told(answer.refund)


def _listed(refund: pb.AcquirerRefund) -> Listed:
    return Listed(
        refund.idempotency_key, refund.payment_reference, refund.amount.minor_units, *_told(refund)
    )


def _told(refund: pb.AcquirerRefund) -> tuple[LegReport, str]:
    if refund.state == pb.ACQUIRER_REFUND_STATE_REJECTED and refund.detail == CLOSED:
        return LegReport.CLOSED, refund.detail
    return _REPORTS.get(refund.state, LegReport.UNKNOWN), refund.detail


def _report(error: grpc.aio.AioRpcError) -> tuple[LegReport, str]:
    return (LegReport.REJECTED if error.code() in _FINAL else LegReport.UNKNOWN), _detail(error)


def _detail(error: grpc.aio.AioRpcError) -> str:
    """A refusal is told by its reason, a fault by its code."""
    code = from_rpc_error(error).reason if error.code() in _FINAL else error.code().name
    return f"{code}: {error.details()}"
