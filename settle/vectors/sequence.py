"""Redemptions are played one case after another, each on its own timeline: a bank has to hear of a payout, and hears of
it only as time goes on, which must not be another case's time."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from services.card_redemption.domain.recycling.caps import FIRST_CAP_MINOR
from services.card_redemption.domain.recycling.enterprise import CUTOFF_MIN, MOU_ABOVE_MINOR
from settle.client.engine import Engine
from settle.vectors.duplicates import DuplicateCodes
from settle.vectors.enterprises import BatchRevocation, ScheduleEdits
from settle.vectors.first_times import FirstTimes
from settle.vectors.redemption_flow import RedemptionFlow
from settle.vectors.scenario import Json, Scenario
from settle.vectors.timeline import instants
from settle.vectors.transfers import Transfers
from settle.vectors.windows import Windows

RAIL_ANSWERS = timedelta(minutes=10)
"""So far the clock goes on after an event, so that rails that were paid are asked, and back again."""


class Sequential(Protocol):
    """A case that is played alone."""

    @property
    def begins_at(self) -> datetime: ...
    async def set_up(self) -> None: ...
    async def play(self, number: int) -> None: ...
    async def observe(self, number: int) -> None: ...
    async def actual(self) -> Json: ...


ALONE: Mapping[str, Callable[[Engine, Scenario], Sequential]] = {
    "redemption_flow": RedemptionFlow, "window": Windows, "duplicate_code": DuplicateCodes,
    "first_time": FirstTimes, "transfer": Transfers, "batch_revoke": BatchRevocation, "enterprise_edit": ScheduleEdits,
}
"""The kinds that are played one after another."""


def plays_alone(scenario: Scenario) -> bool:
    """Whether a case is played so: it is of such a kind, and names no number that a running product does not have."""
    if scenario.kind not in ALONE or not isinstance(scenario.given, dict):
        return False
    policies, given = scenario.policies, scenario.given
    if scenario.kind == "first_time":
        return bool(policies.get("first_redemption_cap_fen") == FIRST_CAP_MINOR)
    if scenario.kind == "batch_revoke":
        return bool(policies.get("mou_min_annual_purchase_fen") == MOU_ABOVE_MINOR and given.get("orders"))
    return scenario.kind != "enterprise_edit" or given.get("edit_cutoff_s", 0) >= CUTOFF_MIN.total_seconds()


async def play_alone(engine: Engine, scenario: Scenario) -> Json:
    """Play a case from its beginning to its end; answers all that a `then` can name."""
    flow = ALONE[scenario.kind](engine, scenario)
    await engine.set_clock(flow.begins_at)
    await flow.set_up()
    await engine.rest()
    for number, at in enumerate(instants(scenario, flow.begins_at)):
        await engine.set_clock(at)
        await engine.rest()
        await flow.play(number)
        await engine.rest()
        if scenario.when[number].get("type") == "PAYOUT":
            await engine.set_clock(at + RAIL_ANSWERS)
            await engine.rest()
        await flow.observe(number)
    return await flow.actual()
