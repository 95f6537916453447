"""Where the time comes from. No rule reads a clock: the lane asks once per batch and passes the answer on."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from services.runtime.ground.tables import Connection

_FACT = "manual_clock"


class Clock(Protocol):
    """Answers the present instant, aware and in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's time."""

    def now(self) -> datetime:
        """The present instant."""
        return datetime.now(UTC)


class ManualClock:
    """Time that stands still until it is set, to any instant; whoever waits for time registers in `on_set`."""

    def __init__(self, at: datetime) -> None:
        self.on_set: list[Callable[[], None]] = []
        self._now = at.astimezone(UTC)

    def now(self) -> datetime:
        """The instant it was last set to."""
        return self._now

    def set(self, at: datetime) -> None:
        """Move to this instant, which has to be aware; backwards only makes sense in a new world."""
        if at.tzinfo is None:
            raise ValueError(f"{at} has no time zone")
        self._now = at.astimezone(UTC)
        for moved in self.on_set:
            moved()


async def load_clock(connection: Connection, kind: str) -> Clock:
    """The clock of the setting `SETTLE_CLOCK`; a manual one goes on where it was left, or from the machine's time."""
    if kind == "system":
        return SystemClock()
    stored = await connection.fetchval("select value from runtime_facts where name = $1", _FACT)
    return ManualClock(datetime.fromisoformat(stored) if stored else datetime.now(UTC))


async def save_clock(connection: Connection, at: datetime) -> None:
    """Keep a manual clock's instant over restarts."""
    await connection.execute(
        """insert into runtime_facts (name, value) values ($1, $2)
           on conflict (name) do update set value = excluded.value""",
        _FACT, at.isoformat(),
    )
