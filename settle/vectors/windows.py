"""The kind `window`: could a redemption of this channel be cancelled so long after it was accepted?

A fresh redemption for each probe, accepted at one instant; what is asked is the guard of the command itself, at
another. A channel of kind CASE is a window for appeals.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp

from settle.client.calls import call
from settle.client.engine import Engine
from settle.vectors.redemption_world import ISSUER, RedemptionWorld
from settle.vectors.scenario import Json, Scenario
from settlement.card_redemption.v1 import channel_pb2, dispute_pb2, dispute_service_pb2
from settlement.card_redemption.v1 import redemption_service_pb2 as pb

FACE_MINOR = 10_000
RATE_PPM = 900_000
OF_APPEALS = "SELF"
"""The channel of the redemptions that are appealed about."""
_FULL = (dispute_pb2.EVIDENCE_KIND_NOTARIZED, dispute_pb2.EVIDENCE_KIND_SCREENSHOT)
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
        await self._world.open_account(0)
        await self._world.publish(OF_APPEALS if self._said["kind"] == "CASE" else self._channel, RATE_PPM)

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
            return await self._appeal(elapsed)
        world, third = self._world, self._said["kind"] == "THIRD_PARTY"
        code = world.new_code() if third else await world.issue_card(FACE_MINOR)
        order = await world.submit(
            self._channel, code, FACE_MINOR, issuer=ISSUER if third else "", deadline=self._deadline()
        )
        verification = probe.get("ctx", {}).get("verification")
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

    async def _appeal(self, elapsed: timedelta) -> str:
        """What the guard of appeals says: of a mistake, on full evidence as an exception where a reviewer is asked."""
        order = await self._world.submit(OF_APPEALS, await self._world.issue_card(FACE_MINOR), FACE_MINOR)
        at, exceptional = Timestamp(), bool(self._said.get("manual_review"))
        at.FromDatetime(order.accept_time.ToDatetime(UTC) + elapsed)
        request = dispute_service_pb2.CanAppealRequest(
            redemption_id=order.redemption_id, type=dispute_pb2.DISPUTE_TYPE_MIS_OPERATION, time=at,
            exceptional=exceptional, evidence=_FULL if exceptional else (),
        )
        verdict = (await call(self._engine.disputes.CanAppeal, request)).verdict
        return str(dispute_service_pb2.AppealVerdict.Name(verdict)).removeprefix("APPEAL_VERDICT_")
