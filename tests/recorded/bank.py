"""An acquirer that answers as the story wants: over gRPC, as the real one."""

from collections import deque

import grpc

from settlement.sandbox.v1 import acquirer_service_pb2 as pb
from settlement.sandbox.v1 import acquirer_service_pb2_grpc as rpc

CONFIRMED = pb.ACQUIRER_REFUND_STATE_CONFIRMED
PENDING = pb.ACQUIRER_REFUND_STATE_PENDING
REJECTED = pb.ACQUIRER_REFUND_STATE_REJECTED
Context = grpc.aio.ServicerContext[object, object]


class Bank(rpc.AcquirerServiceServicer):
    """Confirms refunds. `next` holds other states for the next ones, with a detail; None: they get lost on the way."""

    def __init__(self) -> None:
        self.next: deque[tuple[int, str] | None] = deque()
        self.refunds: dict[str, pb.AcquirerRefund] = {}
        self._server = grpc.aio.server()

    async def start(self) -> int:
        """Serve; answers the port."""
        rpc.add_AcquirerServiceServicer_to_server(self, self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return port

    async def stop(self) -> None:
        """End at once."""
        await self._server.stop(None)

    def confirm(self, state: int = CONFIRMED, detail: str = "") -> None:
        """All refunds that are pending come to their end."""
        for refund in self.refunds.values():
            if refund.state == PENDING:
                refund.state, refund.detail = state, detail  # type: ignore[assignment]  # a plain int is fine

    async def Refund(self, request: pb.RefundRequest, context: Context) -> pb.RefundResponse:
        """As told; the same key gives the same refund."""
        if request.idempotency_key not in self.refunds:
            told = self.next.popleft() if self.next else (CONFIRMED, "")
            if told is None:
                await context.abort(grpc.StatusCode.ABORTED, "lost on the way")
            assert told is not None
            self.refunds[request.idempotency_key] = pb.AcquirerRefund(
                idempotency_key=request.idempotency_key, payment_reference=request.payment_reference,
                amount=request.amount, state=told[0], detail=told[1],  # type: ignore[arg-type]  # a plain int is fine
            )
        return pb.RefundResponse(refund=self.refunds[request.idempotency_key])

    async def ConfirmRefund(self, request: pb.ConfirmRefundRequest, context: Context) -> pb.ConfirmRefundResponse:
        """Nobody asks: see `confirm`."""
        raise NotImplementedError

    async def BounceRefund(self, request: pb.BounceRefundRequest, context: Context) -> pb.BounceRefundResponse:
        """Nobody asks."""
        raise NotImplementedError

    async def ListRefunds(self, request: pb.ListRefundsRequest, context: Context) -> pb.ListRefundsResponse:
        """Nobody asks."""
        raise NotImplementedError

    async def SetFaults(self, request: pb.SetFaultsRequest, context: Context) -> pb.SetFaultsResponse:
        """Nobody asks: see `next`."""
        raise NotImplementedError

    async def GetRefund(self, request: pb.GetRefundRequest, context: Context) -> pb.GetRefundResponse:
        """What became of it."""
        if request.idempotency_key not in self.refunds:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such refund")
        return pb.GetRefundResponse(refund=self.refunds[request.idempotency_key])
