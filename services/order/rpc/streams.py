"""OrderStreamService: commands of callers who have many. The runtime has them answered; here answers are worded."""

from collections.abc import AsyncIterator
from typing import Any

from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from services.runtime.rpc.exchange import Outcome
from settlement.order.v1 import stream_service_pb2 as pb
from settlement.order.v1 import stream_service_pb2_grpc as rpc


class OrderStreamServicer(rpc.OrderStreamServiceServicer):
    """The methods behind it are those of OrderService and AfterSaleService."""

    def __init__(self, edge: Edge) -> None:
        """It needs nothing of the edge; every servicer is made with it."""

    async def Exchange(
        self, request_iterator: Any, context: Context  # Any: the runtime gives outcomes in place of requests
    ) -> AsyncIterator[pb.ExchangeResponse]:
        """Tell what became of each command."""
        async for outcome in request_iterator:
            yield told(outcome)


def told(outcome: Outcome) -> pb.ExchangeResponse:
    """The answer to a command; of the response of its method what a caller of many needs."""
    if outcome.refusal is not None:
        return pb.ExchangeResponse(request_id=outcome.request_id, refusal=outcome.refusal)
    answer = pb.ExchangeResponse(request_id=outcome.request_id)
    _decided(outcome.response, answer.decided)
    return answer


def _decided(response: Any, decided: pb.DecidedCommand) -> None:  # Any: responses of all commands
    fields = response.DESCRIPTOR.fields_by_name
    decided.SetInParent()
    if "return_case" in fields:
        decided.order_id, decided.return_id = response.return_case.order_id, response.return_case.return_id
    if "order" in fields:
        decided.order_id = response.order.order_id
    if "settlement" in fields and response.HasField("settlement"):
        settlement = response.settlement
        decided.order_id, decided.settlement_id = settlement.order_id, settlement.settlement_id
        decided.settlement_state, decided.settlement_reason = settlement.state, settlement.reason
        decided.settlement_version = settlement.version
