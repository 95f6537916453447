"""What a recycling channel does in its own way: the instant at which a verified order settles.

Terms (window, fee, rate, limits) are data and need no file here. A channel that settles in a way that none of these
files knows is one more file, a `Settlement` of its own, and a row of `BEHAVIOURS`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.kernel.calendar import WorkingCalendar


@dataclass(frozen=True, slots=True)
class Settling:
    """What of an order says when it settles: its acceptance and verification, the instant for which it was scheduled,
    and when its condition was met; None for what it has not."""

    accepted_at: datetime
    verified_at: datetime
    scheduled_at: datetime | None = None
    met_at: datetime | None = None


class Behaviour(Protocol):
    """A way to settle. Every one is held to the same contract: never before the verification, always at the same
    instant for the same order, and never in a year that nobody can name."""

    def settles_at(self, order: Settling, calendar: WorkingCalendar) -> datetime | None:
        """When it settles; None as long as something has to happen first."""
        ...
