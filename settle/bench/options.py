"""What a run of the bench is to do."""

from dataclasses import dataclass
from pathlib import Path

WARM_UP_SECONDS = 6.0
ORDERS_PER_SECOND = 2_000
"""How many orders are stored for each second of load; more than any run settles."""
ROUNDS = 2
"""How often a night measures settlements after midnight, and beside the run over all accounts."""
ORDERS_PER_ACCOUNT = 4
REDEMPTION = "redemption"
"""The mix of recycled gift cards."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to run. `rate` 0 means half of what the closed loop reached; with `baseline` the saga by hand too.

    Phases beside the closed and the open loop: `streams` over so many streams, `batch` with calls of so many, `idle`
    one by one, `overload` with ten times as much. `statements` measures a night instead, on which so many accounts fall
    due.
    """

    mix: str = "credit"
    seconds: float = 15.0
    stored: int = 0
    rate: float = 0.0
    idle: bool = False
    overload: bool = False
    streams: int = 0
    batch: int = 0
    statements: int = 0
    baseline: bool = False
    profile: tuple[str, ...] = ()
    profile_folder: Path | None = None
    broker: str = "kafka"
    processes: int = 1
    seed: int = 1

    @property
    def service(self) -> str:
        """Which service the load speaks to."""
        return "card_redemption" if self.mix == REDEMPTION else "order"

    @property
    def orders(self) -> int:
        """How many orders are stored before the load begins."""
        phases = 1.0 + 2 * ROUNDS if self.statements else 1.6 + self._more
        least = int((WARM_UP_SECONDS + self.seconds * phases) * ORDERS_PER_SECOND)
        return max(self.stored, self.statements * ORDERS_PER_ACCOUNT, least)

    @property
    def steps(self) -> int:
        """How many parts a run has: storing, reading, warm-up, phases, auditor, ceiling, baseline."""
        if self.statements:
            return 4 + 1 + 2 * ROUNDS + self.baseline
        return 7 + self._more + self.baseline

    @property
    def _more(self) -> int:
        return bool(self.streams) + bool(self.batch) + self.idle + self.overload
