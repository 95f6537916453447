"""The kind `window`: could a redemption of this channel be cancelled so long after it was accepted?

A fresh redemption for each probe, accepted at one instant; what is asked is the guard of the command itself, at
another. A channel of kind CASE is a window for appeals.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp

from services.card_redemption.domain.recycling.policy import ChannelPolicy, Kind
from services.card_redemption.domain.recycling.windows import Verification, can_cancel
from settle.client.calls import call
from settle.client.engine import Engine
from settle.vectors.redemption_world import ISSUER, RedemptionWorld
from settle.vectors.scenario import Json, Scenario
from settlement.card_redemption.v1 import channel_pb2
from settlement.card_redemption.v1 import redemption_service_pb2 as pb

FACE_MINOR = 10_000
RATE_PPM = 900_000
BEGINS_AT = datetime(2026, 3, 6, 2, 0, tzinfo=UTC)


class Windows:
    """Asks all probes of one case."""

    def __init__(self, engine: Engine, scenario: Scenario) -> None:
        self._engine, self._scenario = engine, scenario
        self._world = RedemptionWorld(engine, scenario.policies)
        self._channel: str = scenario.given["channel"]
        self._said: Json = scenario.policies["channels"][self._channel]

    @property
    def begins_at(self) -> datetime:
        """When all redemptions are accepted; a case names no instant."""
        return BEGINS_AT

    async def set_up(self) -> None:
        """An account, and the channel."""
        if self._said["kind"] != "CASE":
            await self._world.open_account(0)
            await self._world.publish(self._channel, RATE_PPM)

    async def play(self, number: int) -> None:
        """Nothing happens in such a case."""

    async def observe(self, number: int) -> None:
        """Nothing is posted in such a case."""

    async def actual(self) -> Json:
        """The verdict on each probe."""
        return {"results": [await self._probed(probe) for probe in self._scenario.given["probes"]]}

    async def _probed(self, probe: Json) -> str:
        elapsed = timedelta(microseconds=int(Decimal(str(probe["elapsed_s"])) * 1_000_000))
        if self._said["kind"] == "CASE":
            return self._appeal(elapsed)
        world, third = self._world, self._said["kind"] == "THIRD_PARTY"
        code = world.new_code() if third else await world.issue_card(FACE_MINOR)
        order = await world.submit(
            self._channel, code, FACE_MINOR, issuer=ISSUER if third else "", deadline=self._deadline()
        )
        verification = probe["ctx"].get("verification")
        if verification == "STARTED":
            await world.begun(order)
        elif verification == "DONE":
            await world.verified(order, FACE_MINOR)
        at = Timestamp()
        at.FromDatetime(order.accept_time.ToDatetime(UTC) + elapsed)
        asker = channel_pb2.CANCEL_ASKER_SUPPORT if self._channel == "SELF" else channel_pb2.CANCEL_ASKER_CUSTOMER
        request = pb.CanCancelRequest(redemption_id=order.redemption_id, time=at, asker=asker)
        verdict = (await call(self._engine.redemptions.CanCancel, request)).verdict
        return str(pb.CancelVerdict.Name(verdict)).removeprefix("CANCEL_VERDICT_")

    def _deadline(self) -> Timestamp | None:
        if self._channel != "ESCROW":
            return None
        deadline = Timestamp()
        deadline.FromDatetime(BEGINS_AT + timedelta(days=1))
        return deadline

    def _appeal(self, elapsed: timedelta) -> str:
        """An appeal's window, by the rule of all windows."""
        seconds = self._said.get("window_s")
        policy = ChannelPolicy(
            self._channel, Kind.SELF, RATE_PPM, None if seconds is None else timedelta(seconds=seconds),
            reviewed=self._said.get("manual_review", False),
        )
        shown = can_cancel(policy, 0, BEGINS_AT, at=BEGINS_AT + elapsed, verification=Verification.NONE)
        return shown.verdict.value
