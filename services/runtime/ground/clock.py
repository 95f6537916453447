"""Where the time comes from: the database, for it is the one clock that all processes of a service share.

No rule reads a clock. A batch takes its instant in the statement that it makes anyway once its roots are locked
(`sql`), so no decision on a root gets an earlier instant than the decision before it, whichever process made that one.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from services.kernel.calendar import FIRST_YEAR, LAST_YEAR
from services.runtime.ground import facts
from services.runtime.ground.tables import Connection

_FACT, _KIND = "manual_clock", "clock"


class Clock(Protocol):
    """Tells the present instant, aware and in UTC."""

    @property
    def sql(self) -> str:
        """The instant as an SQL expression, read once for each statement and when that runs."""

    async def now(self, connection: Connection) -> datetime:
        """The instant, for whoever only reads."""


class SystemClock:
    """The time of the database's machine."""

    sql = "(select clock_timestamp())"

    async def now(self, connection: Connection) -> datetime:
        """The present instant."""
        return await _read(connection, self.sql)


class ManualClock:
    """Time that stands still until it is set: a row, which all processes read. Whoever waits for time in the process
    that sets it registers in `on_set`, and hears of it by `moved` once it is committed.

    An instant that is stored outside of the years that may come in counts as the nearest within them (F13).
    """

    sql = f"""(select greatest(least(value::timestamptz, '{LAST_YEAR}-12-31T23:59:59.999999Z'), '{FIRST_YEAR}-01-01Z')
               from runtime_facts where name = '{_FACT}')"""

    def __init__(self) -> None:
        self.on_set: list[Callable[[], None]] = []

    async def now(self, connection: Connection) -> datetime:
        """The instant that was set last."""
        return await _read(connection, self.sql)

    async def set(self, connection: Connection, at: datetime) -> None:
        """Move to this instant, which has to be aware; backwards only makes sense in a new world."""
        if at.tzinfo is None:
            raise ValueError(f"{at} has no time zone")
        await facts.keep(connection, {_FACT: at.isoformat()})

    def moved(self) -> None:
        """Tell those who wait for time that it is another."""
        for hear in self.on_set:
            hear()


async def open_clock(connection: Connection, kind: str) -> Clock:
    """The clock of the setting `SETTLE_CLOCK`; a manual one goes on where it was left, or begins at the present. Which
    it is stands in the database, for the row of a manual one stays."""
    await facts.keep(connection, {_KIND: kind})
    if kind == "system":
        return SystemClock()
    await connection.execute(
        """insert into runtime_facts (name, value) values ($1, to_json(clock_timestamp()) #>> '{}')
           on conflict (name) do nothing""",
        _FACT,
    )
    return ManualClock()


async def _read(connection: Connection, sql: str) -> datetime:
    at: datetime = await connection.fetchval(f"select {sql}")
    return at
