"""What a run should reach on 2 cores with everything on them: ratios to the baseline of the same run, cost, latency."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from settle.bench.figures import Figures, Phase

CLOSED, OPEN, STREAMED, BATCHED = "closed loop", "open loop", "streamed calls", "batch calls"
IDLE, OVERLOAD = "idle engine", "overload"
OVERLOAD_TIMES = 10
"""So many times what the closed loop settled is offered under overload."""
WAYS = {CLOSED: "unary", STREAMED: "streamed", BATCHED: "batch"}
"""The phases that measure how fast commands settle, by the way in which they are sent."""
KEPT_MIN = 0.8
"""Of their rate that settlements keep beside a night's statements."""
WAL_BYTES_MAX = 10_500


@dataclass(frozen=True, slots=True)
class Floor:
    """What one mix has to reach: ratios by phase, CPU seconds per 1,000 by phase, milliseconds to the end."""

    to_baseline: Mapping[str, float]
    to_ceiling: float
    cpu: Mapping[str, float]
    settled_p99: float
    accepted_p99: float = 80.0


FLOORS = {
    "credit": Floor({CLOSED: 1.25, STREAMED: 1.6, BATCHED: 2.2}, 0.38, {CLOSED: 1.9, OPEN: 3.6}, 220.0),
    "mixed": Floor({CLOSED: 0.75}, 0.38, {CLOSED: 3.2, OPEN: 6.5}, 400.0),
    "redemption": Floor({CLOSED: 0.81}, 0.0, {CLOSED: 2.9, OPEN: 5.5}, 400.0),
}
"""Of redemptions 0.65 of what is asked of the credit mix; nobody writes their rows again by plain SQL."""


def reached(figures: "Figures") -> dict[str, bool]:
    """Which goals were reached, each by its name; what was not measured has none."""
    goals: dict[str, bool] = {}
    if figures.night:
        goals[f"settlements keep >= {KEPT_MIN:.0%} of their rate"] = figures.night.kept("after") >= KEPT_MIN
    floor = FLOORS.get(figures.mix)
    if floor is not None:
        for phase in figures.phases:
            goals |= {f"{what} >= {least:g}": found >= least for what, found, least in _rates(figures, phase, floor)}
            goals |= {f"{what} <= {most:g}": found <= most for what, found, most in _costs(figures, phase, floor)}
    return goals


def _rates(figures: "Figures", phase: "Phase", floor: Floor) -> Iterator[tuple[str, float, float]]:
    """What was found and how much it has to be at least."""
    if figures.baseline_per_second and phase.name in floor.to_baseline:
        ratio = phase.settled_per_second / figures.baseline_per_second
        yield f"{WAYS[phase.name]} / baseline", ratio, floor.to_baseline[phase.name]
    if phase.name == OVERLOAD and figures.per_second(CLOSED):
        yield "overload, settled of the closed loop's", phase.settled_per_second / figures.per_second(CLOSED), 0.9
    if phase.name == CLOSED and figures.ceiling_per_second:
        yield "ratio to the ceiling", figures.ratio, floor.to_ceiling


def _costs(figures: "Figures", phase: "Phase", floor: Floor) -> Iterator[tuple[str, float, float]]:
    """What was found and how much it may be at most."""
    if phase.name in floor.cpu:
        yield f"cpu s / 1,000, {phase.name}", phase.cpu_total, floor.cpu[phase.name]
    if phase.name == CLOSED and figures.mix == "credit":
        yield "wal bytes a settlement", phase.wal_bytes_per_settlement, WAL_BYTES_MAX
    if phase.name == IDLE:
        yield "idle engine, accepted p50 ms", phase.accepted.p50, 10.0
        yield "idle engine, settled p50 ms", phase.to_settled.p50, 40.0
    if phase.name == OVERLOAD:
        yield "overload, refused p99 ms", phase.refused.p99, 50.0
    if phase.name == OPEN:
        yield "accepted p99 ms at half load", phase.accepted.p99, floor.accepted_p99
        yield "settled p99 ms at half load", phase.to_settled.p99, floor.settled_p99
