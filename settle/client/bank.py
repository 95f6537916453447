"""The bank behind the sandbox acquirer."""

from typing import Any

from settle.client.calls import call
from settle.client.channels import open_channel
from settle.client.tokens import Tokens
from settlement.sandbox.v1 import acquirer_service_pb2, acquirer_service_pb2_grpc


class Bank:
    """Connected to the acquirer at one address."""

    def __init__(self, target: str, tokens: Tokens | None = None) -> None:
        self._channel = open_channel(target, tokens=tokens)
        self._acquirer = acquirer_service_pb2_grpc.AcquirerServiceStub(self._channel)

    async def close(self) -> None:
        """Give the connection back."""
        await self._channel.close()

    async def confirm(self, leg_id: str) -> Any:  # Any: a generated message
        """Pay a refund out."""
        request = acquirer_service_pb2.ConfirmRefundRequest(idempotency_key=leg_id)
        return (await call(self._acquirer.ConfirmRefund, request)).refund
