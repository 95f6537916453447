"""What every rail promises: pay a leg at most once under its id, and say what became of it."""

from collections.abc import Sequence
from typing import Protocol

from services.credit_ledger.domain.model.commands import LegReport
from services.credit_ledger.domain.model.leg import SendLeg
from services.credit_ledger.domain.model.reconciliation import Listed


class PaymentRail(Protocol):
    """A network. An answer that does not come is UNKNOWN: it is asked about, never sent under another key (PM-6)."""

    async def send(self, leg: SendLeg) -> tuple[LegReport, str]:
        """Ask for the payment; answers the report and a detail for people."""
        ...

    async def list(self, cursor: str, limit: int) -> tuple[Sequence[Listed], str]:
        """A page of all payments by key, and the cursor of the next page, empty on the last one; raises if the network
        cannot be asked."""
        ...

    async def query(self, leg_id: str) -> tuple[LegReport, str] | None:
        """Ask what became of it; None if the network never heard of it."""
        ...
