"""In which order disputes are heard (优先级): it never changes what comes out of them (RD-32)."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

VIP_FIRST = 5
"""From this VIP level on, included, a customer is heard before all others."""


class PayoutMethod(IntEnum):
    """How the customer is paid, in the order in which it is heard: what goes back the way it came, first."""

    ORIGINAL = 0
    JD_BALANCE = 1
    BANK_CARD = 2


@dataclass(frozen=True, slots=True)
class Place:
    """What decides where a case stands in the queue."""

    id: str
    vip: int
    payout: PayoutMethod
    opened_at: datetime

    @property
    def key(self) -> tuple[bool, PayoutMethod, datetime, str]:
        """Sorted by it, cases stand as they are heard: the highest customers, then by payout, age, and id."""
        return self.vip < VIP_FIRST, self.payout, self.opened_at, self.id
