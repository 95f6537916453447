"""One payment to the outside world: a bank-card refund or a payout. Its id is its idempotency key (PM-6).

PENDING -> SENT -> ACCEPTED -> SETTLED; a time-out makes it UNKNOWN, and UNKNOWN is asked about, never sent anew.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Rail(StrEnum):
    """Which network carries a leg: the bank-card acquirer, or a bank payout to a repayment instrument."""

    CARD = "CARD"
    PAYOUT = "PAYOUT"


class LegState(StrEnum):
    """How far a leg is. SETTLED, RECALLED and REROUTED are its ends; EXCEPTION waits for a person."""

    PENDING = "PENDING"
    SENT = "SENT"
    UNKNOWN = "UNKNOWN"
    ACCEPTED = "ACCEPTED"
    SETTLED = "SETTLED"
    EXCEPTION = "EXCEPTION"
    RECALLED = "RECALLED"
    REROUTED = "REROUTED"


@dataclass(frozen=True, slots=True)
class RefundLeg:
    """A leg with its attempts; `reference` is the acquirer's payment reference or the instrument."""

    id: str
    account_id: str
    order_id: str
    refund_id: str
    rail: Rail
    reference: str
    amount_minor: int
    created_at: datetime
    state: LegState = LegState.PENDING
    attempts: int = 0
    detail: str = ""
    updated_at: datetime | None = None
    version: int = 1

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.account_id

    @property
    def open(self) -> bool:
        """Whether the rail still owes an answer."""
        return self.state not in (LegState.SETTLED, LegState.RECALLED, LegState.REROUTED)


@dataclass(frozen=True, slots=True)
class SendLeg:
    """An action: ask the rail to pay this leg, after the commit; its answer comes back as `ReportLeg`."""

    leg_id: str
    account_id: str
    rail: Rail
    reference: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class QueryLeg:
    """An action: ask the rail what became of this leg; what the
    rail never received is sent again under the same key."""

    leg: SendLeg
