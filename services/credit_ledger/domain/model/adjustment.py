"""What two people put right by hand, kept with who they were and on what evidence (MA-1 to MA-3)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple


class AdjustedLine(NamedTuple):
    """One line of a manual adjustment: an account of the book, and fen (debit positive)."""

    account: str
    amount_minor: int


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
        return self.id

    @property
    def root(self) -> str:
        return self.account_id
