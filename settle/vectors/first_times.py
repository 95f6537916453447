"""The kind `first_time`: a fresh customer with so many completed redemptions submits a card of some face (RD-23)."""

from datetime import UTC, datetime

from settle.client.calls import Rejected
from settle.client.engine import Engine
from settle.vectors.redemption_world import RedemptionWorld
from settle.vectors.scenario import Json, Scenario

CHANNEL = "SELF"
RATE_PPM = 900_000
COMPLETED_MAX = 3
"""So many are completed at most: the rule asks whether there is one."""
BEGINS_AT = datetime(2026, 3, 6, 2, 0, tzinfo=UTC)


class FirstTimes:
    """Each entry is a customer of its own."""

    def __init__(self, engine: Engine, scenario: Scenario) -> None:
        self._engine, self._scenario = engine, scenario
        self._decisions: list[str] = []

    @property
    def begins_at(self) -> datetime:
        """When everything is submitted; a case names no instant."""
        return BEGINS_AT

    async def set_up(self) -> None:
        """Each customer comes with his entry."""

    async def play(self, number: int) -> None:
        """His earlier redemptions are completed, then he submits the card."""
        entry = self._scenario.when[number]
        world = RedemptionWorld(self._engine, self._scenario.policies)
        await world.open_account(0)
        for _ in range(min(entry["prior_completed"], COMPLETED_MAX)):
            await world.lift_first_cap()
        await world.publish(CHANNEL, RATE_PPM)
        code = await world.issue_card(entry["face"])
        try:
            await world.submit(CHANNEL, code, entry["face"])
        except Rejected as rejection:
            if rejection.reason != "FIRST_REDEMPTION_CAP":
                raise
            self._decisions.append("DENY_FIRST_TIME_CAP")
            return
        self._decisions.append("ALLOW")

    async def observe(self, number: int) -> None:
        """What is posted is not compared."""

    async def actual(self) -> Json:
        """The decision about each submission."""
        return {"decisions": self._decisions}
