"""One repayment by the customer: what a LIFO surplus may give back, to the instrument it came from (RA-6)."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Repayment:
    """Money that came in by an instrument; `number` is its operation, so it orders repayments of one instant."""

    id: str
    account_id: str
    number: int
    received_at: datetime
    amount_minor: int
    instrument: str
    given_back_minor: int = 0
    version: int = 1

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.account_id

    @property
    def open(self) -> bool:
        """Whether something of it may still be given back."""
        return self.given_back_minor < self.amount_minor
