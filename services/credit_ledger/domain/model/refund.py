"""A refund that waits for the flash network, from its acceptance to its end (DOMAIN 2.7, PM-1).

A direct refund is final when it is posted: the operation log is its only record.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from services.credit_ledger.domain.model.commands import AdjustedLine
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
        """Its id."""
        return self.id

    @property
    def root(self) -> str:
        """The account."""
        return self.account_id

    @property
    def open(self) -> bool:
        """Whether the credit side is still to be posted."""
        return self.state in (RefundState.PENDING_CHANNEL, RefundState.EXCEPTION)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What was put right by hand: who, who checked, and on what evidence (MA-1 to MA-3). Of a refund or a leg that was
    completed it names the refund, of a journal that was posted its case and its lines."""

    id: str
    account_id: str
    order_id: str
    refund_id: str
    maker: str
    checker: str
    evidence: tuple[str, ...]
    reason: str
    posted_at: datetime
    version: int = 1
    effective_date: date | None = None
    case_id: str = ""
    lines: tuple[AdjustedLine, ...] = ()

    @property
    def key(self) -> str:
        """Its id."""
        return self.id

    @property
    def root(self) -> str:
        """The account."""
        return self.account_id


@dataclass(frozen=True, slots=True)
class PaymentReference:
    """An acquirer's payment reference and the order that claimed it (OP-4: one order each); a root of its own."""

    id: str
    order_id: str
    version: int = 1

    @property
    def key(self) -> str:
        """The reference."""
        return self.id

    @property
    def root(self) -> str:
        """Itself."""
        return self.id
