"""Clocks for tests, without a database."""

from datetime import UTC, datetime

from services.runtime.ground.clock import ManualClock
from services.runtime.ground.tables import Connection


class StillClock(ManualClock):
    """Stands where `at` says, for whoever asks; a manual clock to the operators' service."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at.astimezone(UTC)

    @property
    def sql(self) -> str:  # type: ignore[override]  # an instant of its own, where the original has a row
        """The instant, spelled out."""
        return f"(select timestamptz '{self.at.isoformat()}')"

    async def now(self, connection: Connection) -> datetime:
        """The instant; nothing is asked for it."""
        return self.at

    def move(self, at: datetime) -> None:
        """Stand there from now on."""
        self.at = at.astimezone(UTC)
