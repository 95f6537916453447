"""MerchantService: settlements with merchants that take effect in both books."""

from services.kernel.errors import NotFound
from services.order.domain.merchant_settlement import MerchantSettlement, SettleGiftCardShare, settlement_key
from services.order.store.merchant_settlements import find_merchant_settlement
from services.order.wire.merchants import settlement_message
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from settlement.order.v1 import merchant_service_pb2 as pb
from settlement.order.v1 import merchant_service_pb2_grpc as rpc


class MerchantServicer(rpc.MerchantServiceServicer):
    """Each settlement is decided in a lane of its own."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    async def SettleGiftCardShare(
        self, request: pb.SettleGiftCardShareRequest, context: Context
    ) -> pb.SettleGiftCardShareResponse:
        """Pay a merchant what the card book owes it (DOMAIN 3.3)."""
        key = settlement_key(request.merchant_id, request.request_id)
        body = SettleGiftCardShare(request.merchant_id, request.amount.minor_units)
        answer: pb.MerchantSettlement = await self.edge.ask(context, request, key=key, body=body)
        seconds = request.wait_timeout.seconds + request.wait_timeout.nanos / 1e9
        if answer.state == pb.MERCHANT_SETTLEMENT_STATE_SETTLING and seconds > 0:
            answer = await self._ended(request, answer, seconds, context)
        return pb.SettleGiftCardShareResponse(merchant_settlement=answer)

    async def _ended(
        self, request: pb.SettleGiftCardShareRequest, told: pb.MerchantSettlement, seconds: float, context: Context
    ) -> pb.MerchantSettlement:
        """The settlement after its end, which is kept as the answer; as it was told,
        where the end does not come in time."""
        step = await self.edge.awaited(told.settlement_id, seconds, context)
        ended = step.find(MerchantSettlement, step.run.root) if step is not None and step.run.terminal else None
        return told if ended is None else await self.edge.keep(request, told, settlement_message(ended))

    async def GetMerchantSettlement(
        self, request: pb.GetMerchantSettlementRequest, context: Context
    ) -> pb.GetMerchantSettlementResponse:
        """Show a settlement with a merchant as it is now."""
        return pb.GetMerchantSettlementResponse(merchant_settlement=await self._found(request.settlement_id))

    async def _found(self, settlement_id: str) -> pb.MerchantSettlement:
        async with self.edge.read() as connection:
            settlement = await find_merchant_settlement(connection, settlement_id)
        if settlement is None:
            raise NotFound("SETTLEMENT_NOT_FOUND", f"there is no settlement {settlement_id}")
        return settlement_message(settlement)
