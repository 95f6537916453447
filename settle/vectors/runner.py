"""Plays scenarios: calculators at once, flows woven into one timeline; every case gets a verdict."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.kernel.errors import Defect, SettlementError
from settle.client.calls import Fault, Rejected
from settle.client.engine import Engine
from settle.vectors.calculators import CALCULATORS, calculate
from settle.vectors.comparison import first_difference
from settle.vectors.credit_flow import CreditFlow
from settle.vectors.outcomes import NotPlayed
from settle.vectors.scenario import Json, Scenario
from settle.vectors.sequence import play_alone, plays_alone
from settle.vectors.timeline import BadTime, Round, instants, rounds

FLOWS = frozenset({"credit_flow"})
CASES_AT_ONCE_MAX = 64
_UNPLAYABLE = (
    NotPlayed, Rejected, Fault, BadTime, SettlementError, Defect, KeyError, ValueError, TypeError, IndexError,
)
"""What a case can end with instead of an answer: a refused step, or a shape that the page does not have."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a case; `failure` is empty if it passed."""

    id: str
    failure: str = ""

    @property
    def line(self) -> str:
        """What is printed of a case that failed."""
        return f"FAIL {self.id} {self.failure}"


class Flow(Protocol):
    """A case that is played event by event."""

    async def set_up(self) -> None: ...
    async def play(self, number: int) -> None: ...
    async def observe(self, number: int) -> None: ...
    async def actual(self) -> Json: ...


def needs_engine(scenarios: Sequence[Scenario]) -> bool:
    """Whether any of these cases is played through the API."""
    return any(scenario.kind in FLOWS or plays_alone(scenario) for scenario in scenarios)


async def run(scenarios: Sequence[Scenario], engine: Engine | None) -> list[Verdict]:
    """The verdict on every case, in their order; `engine` may be missing if no case needs one."""
    stage = Stage(scenarios, engine)
    for number, scenario in enumerate(scenarios):
        if plays_alone(scenario):
            stage.verdicts[number] = await _played(scenario, engine)
        elif scenario.kind not in FLOWS:
            stage.verdicts[number] = _calculated(scenario)
    await stage.play()
    return [stage.verdicts[number] for number in range(len(scenarios))]


async def _played(scenario: Scenario, engine: Engine | None) -> Verdict:
    """A case that is played alone."""
    try:
        if engine is None:
            raise NotPlayed("no engine to play on")
        return _judged(scenario, await play_alone(engine, scenario))
    except _UNPLAYABLE as error:
        return Verdict(scenario.id, f"error: {_reason(error)}")


def _calculated(scenario: Scenario) -> Verdict:
    if scenario.kind not in CALCULATORS:
        return Verdict(scenario.id, f"error: {scenario.kind} is not built")
    try:
        return _judged(scenario, calculate(scenario))
    except _UNPLAYABLE as error:
        return Verdict(scenario.id, f"error: {_reason(error)}")


def _judged(scenario: Scenario, actual: Json) -> Verdict:
    difference = first_difference(scenario, actual)
    return Verdict(scenario.id, str(difference) if difference else "")


def _reason(error: BaseException) -> str:
    if isinstance(error, Rejected):
        return f"refused with {error.reason} {error.detail}".rstrip()
    if isinstance(error, (NotPlayed, Fault, BadTime, SettlementError)):
        return str(error)
    return f"{type(error).__name__} {error}"


class Stage:
    """The flows of a run while they are played; one that failed takes no further part."""

    def __init__(self, scenarios: Sequence[Scenario], engine: Engine | None) -> None:
        self.verdicts: dict[int, Verdict] = {}
        self._scenarios = scenarios
        self._engine = engine
        self._flows: dict[int, Flow] = {}
        self._places = asyncio.Semaphore(CASES_AT_ONCE_MAX)

    async def play(self) -> None:
        """Play every flow to its end."""
        times = [self._open(number) for number in range(len(self._scenarios))]
        await self._begin()
        await self._all(self._set_up_idle(number) for number in self._flows if not times[number])
        for round_ in rounds(times):
            await self._round(round_)

    async def _begin(self) -> None:
        if self._engine is None or not self._flows:
            return
        try:
            await self._engine.begin()
        except (Fault, Rejected) as error:
            for case in list(self._flows):
                self._fail(case, error)

    def _open(self, number: int) -> tuple[datetime, ...]:
        scenario = self._scenarios[number]
        if scenario.kind not in FLOWS:
            return ()
        try:
            if self._engine is None:
                raise NotPlayed("no engine to play on")
            times = instants(scenario)
            self._flows[number] = CreditFlow(self._engine, scenario)
            return times
        except _UNPLAYABLE as error:
            self._fail(number, error)
            return ()

    async def _set_up_idle(self, number: int) -> None:
        """A case without events is set up and read."""
        await self._guarded(number, self._flows[number].set_up())
        await self._end(number)

    async def _round(self, round_: Round) -> None:
        moves = [(case, event) for case, event in round_.moves if case in self._flows]
        if not moves or self._engine is None:
            return
        try:
            await self._engine.set_clock(round_.at)
            await self._all(self._move(case, event) for case, event in moves)
            await self._engine.rest()
        except (Fault, Rejected) as error:
            for case in [case for case, _ in moves if case in self._flows]:
                self._fail(case, error)
        await self._all(self._observe(case, event) for case, event in moves if case in self._flows)

    async def _move(self, case: int, event: int) -> None:
        flow = self._flows[case]
        if event == 0:
            await self._guarded(case, flow.set_up())
        if case in self._flows:
            await self._guarded(case, flow.play(event))

    async def _observe(self, case: int, event: int) -> None:
        await self._guarded(case, self._flows[case].observe(event))
        if event == len(self._scenarios[case].when) - 1:
            await self._end(case)

    async def _end(self, case: int) -> None:
        """Read and judge as soon as the last event came to rest: the clock goes on for the others."""
        if case in self._flows:
            actual = await self._guarded(case, self._flows[case].actual())
            if self._flows.pop(case, None) is not None:
                self.verdicts[case] = _judged(self._scenarios[case], actual)

    async def _guarded(self, case: int, step: Coroutine[Any, Any, Any]) -> Any:  # Any: what the step answers
        async with self._places:
            try:
                return await step
            except _UNPLAYABLE as error:
                self._fail(case, error)
                return None

    async def _all(self, steps: Any) -> None:  # Any: an iterable of coroutines of our own
        await asyncio.gather(*steps)

    def _fail(self, case: int, error: BaseException) -> None:
        self._flows.pop(case, None)
        self.verdicts[case] = Verdict(self._scenarios[case].id, f"error: {_reason(error)}")
