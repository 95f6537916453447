"""The gRPC methods of RecordService."""

from services.card_redemption.store.attempts import Kept, list_attempts
from services.card_redemption.wire import record as wire
from services.runtime.ground.paging import page_of
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from settlement.card_redemption.v1 import record_pb2
from settlement.card_redemption.v1 import record_service_pb2 as pb
from settlement.card_redemption.v1 import record_service_pb2_grpc as rpc


class RecordServicer(rpc.RecordServiceServicer):
    """Read the permanent record. There is nothing else to do with it."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    async def ListAttempts(self, request: pb.ListAttemptsRequest, context: Context) -> pb.ListAttemptsResponse:
        """List attempts, the oldest first."""
        page = page_of(request, (0,))
        async with self.edge.read() as connection:
            found = await list_attempts(connection, request.actor, request.card_id, *page.after, page.limit)
        attempts, following = page.cut(found, lambda kept: (kept.id,), _shown)
        return pb.ListAttemptsResponse(attempts=attempts, next_page_token=following)


def _shown(kept: Kept) -> record_pb2.Attempt:
    return wire.attempt(kept.id, kept.attempt, kept.at, (kept.volume, kept.number, kept.link))
