"""The kind `transfer`: a card is given away, activated by its receiver or not, and its giver takes it back (RD-26)."""

from datetime import UTC, datetime

from settle.client.calls import Rejected, call
from settle.client.engine import Engine
from settle.client.requests import money
from settle.vectors.redemption_world import RedemptionWorld
from settle.vectors.scenario import Json, Scenario
from settlement.card_redemption.v1 import card_service_pb2 as pb

FACE_MINOR = 10_000
ACTIVATED = frozenset({"CARD_STATE", "CARD_NOT_FOUND"})
"""Why a giver cannot take a card back: nobody is to activate it, or it is somebody else's by now."""
BEGINS_AT = datetime(2026, 3, 6, 2, 0, tzinfo=UTC)


class Transfers:
    """Each probe is a card of its own."""

    def __init__(self, engine: Engine, scenario: Scenario) -> None:
        self._engine, self._scenario = engine, scenario
        self._world = RedemptionWorld(engine, scenario.policies)

    @property
    def begins_at(self) -> datetime:
        """When everything happens; a case names no instant."""
        return BEGINS_AT

    async def set_up(self) -> None:
        """A card comes with its probe."""

    async def play(self, number: int) -> None:
        """Nothing happens in such a case."""

    async def observe(self, number: int) -> None:
        """Nothing is posted in such a case."""

    async def actual(self) -> Json:
        """Whether each giver could take his card back."""
        probes = self._scenario.given["probes"]
        return {"results": [await self._probed(number, probe["activated"]) for number, probe in enumerate(probes)]}

    async def _probed(self, number: int, activated: bool) -> str:
        world, cards = self._world, self._engine.cards
        giver, receiver, code = world.customer_id, f"{world.customer_id}-r", world.new_code()
        issue = pb.IssueCardRequest(
            request_id=world.request_id("issue", number), customer_id=giver, face=money(FACE_MINOR), code=code
        )
        card_id = (await call(cards.IssueCard, issue)).card.card_id
        give = pb.TransferCardRequest(
            request_id=world.request_id("give", number), card_id=card_id, customer_id=giver, receiver_id=receiver
        )
        await call(cards.TransferCard, give)
        if activated:
            activate = pb.ActivateTransferRequest(
                request_id=world.request_id("activate", number), code=code, receiver_id=receiver
            )
            await call(cards.ActivateTransfer, activate)
        withdraw = pb.WithdrawTransferRequest(
            request_id=world.request_id("withdraw", number), card_id=card_id, customer_id=giver
        )
        try:
            await call(cards.WithdrawTransfer, withdraw)
        except Rejected as rejection:
            if rejection.reason not in ACTIVATED:
                raise
            return "DENY_ACTIVATED"
        return "ALLOW"
