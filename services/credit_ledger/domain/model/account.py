"""The credit account: the root, under whose lock everything of a customer's credit is written (DOMAIN 2.3).

`available + held + used = granted` always; `used` is the unpaid principal of all its agreements.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from services.credit_ledger.domain.model.terms import SurplusPolicy
from services.kernel.chain import NONE_YET
from services.kernel.participant import Pending

LATE_FEE_PPM_PER_DAY = 500
"""Late fee on overdue principal; an invented parameter (DOMAIN 1.12)."""


class AccountState(StrEnum):
    """ACTIVE <-> SUSPENDED -> CLOSED. Only ACTIVE accounts may authorize credit."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class CreditAccount:
    """Limits, wallet and credit balance of one customer.

    `next_cut_at` is the next statement cut that may find something (None: nothing to bill),
    `last_bill_date` the last one made, `stated_operations` the last logged operation that a
    statement shows. `shipments`, `operations` and `sequence` count captures, logged operations
    and events. `receivable_minor` is what the customer owes us outside the plans (A.CUST.RECV).
    `events_head` and `operations_head` are the heads of the chains of its events and of its log, which no rule reads.
    """

    id: str
    customer_id: str
    opened_at: datetime
    granted_minor: int = 0
    held_minor: int = 0
    used_minor: int = 0
    wallet_minor: int = 0
    credit_balance_minor: int = 0
    receivable_minor: int = 0
    bill_day: int = 5
    due_day: int = 15
    late_fee_ppm_per_day: int = LATE_FEE_PPM_PER_DAY
    surplus_policy: SurplusPolicy = SurplusPolicy.KEEP
    state: AccountState = AccountState.ACTIVE
    next_cut_at: datetime | None = None
    last_bill_date: date | None = None
    stated_operations: int = 0
    shipments: int = 0
    operations: int = 0
    sequence: int = 0
    pending: Pending | None = None
    version: int = 1
    events_head: bytes = field(default=NONE_YET, compare=False, repr=False)
    operations_head: bytes = field(default=NONE_YET, compare=False, repr=False)

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.id

    @property
    def available_minor(self) -> int:
        """The limit that is neither held nor used."""
        return self.granted_minor - self.held_minor - self.used_minor
