"""Since when no saga of a coordinator is open, nor ended lately: what it says, and what its participants heard.

A coordinator that has made its digests says with its commands when the oldest saga began that is no digest. Answers of
branches that are older than that belong to sagas that have been over for the time of retention.
"""

from collections.abc import Sequence
from datetime import datetime

from services.kernel.calendar import FIRST_YEAR, LAST_YEAR
from services.runtime.ground import facts
from services.runtime.ground.records import REPLY_TO, SERVICES
from services.runtime.ground.tables import Connection

HEADER = "ce_oldestsaga"
_FACT = "oldest_saga_of_"


class OldestSagas:
    """What this process says of its own sagas, and heard of others'."""

    def __init__(self) -> None:
        self.own: datetime | None = None
        self._heard: dict[str, datetime] = {}

    def header(self) -> list[tuple[str, bytes]]:
        """What goes with a command."""
        return [] if self.own is None else [(HEADER, self.own.isoformat().encode())]

    def hear(self, headers: Sequence[tuple[str, bytes]]) -> None:
        """Note what a command says; what is no instant of a service that exists says nothing."""
        said = dict(headers)
        try:
            at = datetime.fromisoformat(said[HEADER].decode())
            coordinator = said[REPLY_TO].decode().partition("/")[0]
        except (KeyError, ValueError, AttributeError):
            return
        if coordinator in SERVICES and at.tzinfo is not None and FIRST_YEAR <= at.year <= LAST_YEAR:
            self._heard[coordinator] = at

    def hear_own(self, service: str) -> None:
        """Note what this service, a participant of its own sagas, says to itself: mostly that is said in no record."""
        if self.own is not None:
            self._heard[service] = self.own

    async def horizon(self, connection: Connection) -> datetime | None:
        """Before when no branch belongs to a saga that is open or ended lately, as all coordinators that were ever
        heard say; None if none was."""
        await facts.keep(connection, {_FACT + name: at.isoformat() for name, at in self._heard.items()})
        horizon: datetime | None = await connection.fetchval(
            "select min(value::timestamptz) from runtime_facts where starts_with(name, $1)", _FACT
        )
        return horizon
