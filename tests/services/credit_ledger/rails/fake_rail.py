"""A rail in memory; it passes the contract tests of the real one."""

from services.credit_ledger.domain.model.commands import LegReport
from services.credit_ledger.domain.model.leg import SendLeg


class FakeRail:
    """A network that confirms at once; a reference that begins with `closed_` is an instrument that is gone."""

    def __init__(self) -> None:
        self.booked: dict[str, SendLeg] = {}

    async def send(self, leg: SendLeg) -> tuple[LegReport, str]:
        """Pay once per key; other content under the same key is refused."""
        if self.booked.setdefault(leg.leg_id, leg) != leg:
            return LegReport.REJECTED, "IDEMPOTENCY_CONFLICT: other content"
        return self._told(leg)

    async def query(self, leg_id: str) -> tuple[LegReport, str] | None:
        """What became of it, or unheard of."""
        leg = self.booked.get(leg_id)
        return self._told(leg) if leg is not None else None

    @staticmethod
    def _told(leg: SendLeg) -> tuple[LegReport, str]:
        if leg.reference.startswith("closed_"):
            return LegReport.CLOSED, "INSTRUMENT_CLOSED"
        return LegReport.SETTLED, ""
