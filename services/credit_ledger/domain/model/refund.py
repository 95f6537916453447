"""A refund that waits for the flash network, from its acceptance to its end (DOMAIN 2.7, PM-1).

A direct refund is final when it is posted: the operation log is its only record.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.credit_ledger.domain.model.tenders import Tenders


class RefundState(StrEnum):
    """PENDING_CHANNEL for at most 24 h, then EXCEPTION until two people adjust it."""

    PENDING_CHANNEL = "PENDING_CHANNEL"
    EXCEPTION = "EXCEPTION"
    SUCCEEDED = "SUCCEEDED"
    SUCCEEDED_MANUAL = "SUCCEEDED_MANUAL"
    REVERSED = "REVERSED"


@dataclass(frozen=True, slots=True)
class CreditRefund:
    """What was accepted, and when its credit side was posted."""

    id: str
    account_id: str
    order_id: str
    merchant_id: str
    tenders: Tenders
    state: RefundState
    accepted_at: datetime
    posted_at: datetime | None = None
    version: int = 1

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.account_id

    @property
    def open(self) -> bool:
        """Whether the credit side is still to be posted."""
        return self.state in (RefundState.PENDING_CHANNEL, RefundState.EXCEPTION)
