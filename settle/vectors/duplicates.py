"""The kind `duplicate_code`: submissions of the same codes by one customer, one after another (RD-4, RD-20)."""

from datetime import UTC, datetime

from settle.client.calls import Rejected
from settle.client.engine import Engine
from settle.vectors.redemption_world import ISSUER, RedemptionWorld
from settle.vectors.scenario import Json, Scenario
from settlement.card_redemption.v1 import redemption_pb2

CHANNEL = "SUHUISHOU"
FACE_MINOR = 10_000
RATE_PPM = 900_000
DENIALS = {
    "SUBMISSION_FAILED": "FAILED_RETRYABLE", "CODE_IN_REDEMPTION": "DENY_DUPLICATE_CODE_FREEZE_CASE",
    "CODE_USED": "DENY_CODE_USED",
}
BEGINS_AT = datetime(2026, 3, 6, 2, 0, tzinfo=UTC)
DOWN_PPM = 1_000_000


class DuplicateCodes:
    """Submits them in their order."""

    def __init__(self, engine: Engine, scenario: Scenario) -> None:
        self._engine, self._scenario = engine, scenario
        self._world = RedemptionWorld(engine, scenario.policies)
        self._codes: dict[str, str] = {}
        self._results: list[str] = []

    @property
    def begins_at(self) -> datetime:
        """When everything is submitted; a case names no instant."""
        return BEGINS_AT

    async def set_up(self) -> None:
        """An account, and the channel."""
        await self._world.open_account(0)
        await self._world.publish(CHANNEL, RATE_PPM)

    async def play(self, number: int) -> None:
        """One submission; a failed one meets a provider that is down."""
        event = self._scenario.when[number]
        code = self._codes.setdefault(event["code_hash"], self._world.new_code())
        down = event["type"] == "SUBMIT_FAILED"
        if down:
            await self._engine.provider.fail(unavailable_ppm=DOWN_PPM)
        try:
            order = await self._world.submit(CHANNEL, code, FACE_MINOR, issuer=ISSUER)
        except Rejected as rejection:
            if rejection.reason not in DENIALS:
                raise
            self._results.append(DENIALS[rejection.reason])
            return
        finally:
            if down:
                await self._engine.provider.fail()
        self._results.append("ACCEPTED")
        if event.get("completes"):
            await self._complete(order)

    async def observe(self, number: int) -> None:
        """What is posted is not compared."""

    async def actual(self) -> Json:
        """The result of each submission."""
        return {"results": self._results}

    async def _complete(self, order: redemption_pb2.Redemption) -> None:
        await self._world.verified(order, FACE_MINOR)
        for step in ("settle", "pay"):
            await self._world.advance(order.redemption_id, step)
        await self._world.once(order.redemption_id, redemption_pb2.REDEMPTION_STATE_COMPLETED)
