"""The sandbox verifier, told what to say of cards."""

from settle.client.calls import call
from settle.client.channels import open_channel
from settle.client.tokens import Tokens
from settlement.sandbox.v1 import verification_service_pb2 as pb
from settlement.sandbox.v1.verification_service_pb2_grpc import VerificationServiceStub


class Provider:
    """Connected to the sandbox verifier at one address."""

    def __init__(self, target: str, tokens: Tokens | None = None) -> None:
        self._channel = open_channel(target, tokens=tokens)
        self._verifier = VerificationServiceStub(self._channel)

    async def close(self) -> None:
        """Give the connection back."""
        await self._channel.close()

    async def hold(self, card_id: str) -> None:
        """Say nothing of a card for now."""
        await self._say(pb.SetCardBehaviourRequest(card_id=card_id, held=True))

    async def find(self, card_id: str, face_minor: int) -> None:
        """Find this face, also where it was held."""
        await self._say(pb.SetCardBehaviourRequest(
            card_id=card_id, finding=pb.VERIFICATION_FINDING_FOUND, face_minor=face_minor
        ))

    async def find_consumed(self, card_id: str, left_minor: int = 0) -> None:
        """Find that it was spent."""
        await self._say(pb.SetCardBehaviourRequest(
            card_id=card_id, finding=pb.VERIFICATION_FINDING_CONSUMED, face_minor=left_minor
        ))

    async def fail(self, **shares_ppm: int) -> None:
        """Have these shares of the calls go wrong, as `SetVerificationFaultsRequest` names them; none ends it."""
        await call(self._verifier.SetVerificationFaults, pb.SetVerificationFaultsRequest(**shares_ppm))

    async def _say(self, request: pb.SetCardBehaviourRequest) -> None:
        await call(self._verifier.SetCardBehaviour, request)
