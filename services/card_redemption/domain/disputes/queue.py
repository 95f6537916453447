"""In which order disputes are heard (优先级): it never changes what comes out of them (RD-32)."""

from dataclasses import dataclass
from datetime import datetime

from services.card_redemption.domain.recycling.payouts import PayoutMethod

VIP_FIRST = 5
"""From this VIP level on, included, a customer is heard before all others."""


@dataclass(frozen=True, slots=True)
class Place:
    """What decides where a case stands in the queue."""

    id: str
    vip: int
    payout: PayoutMethod
    opened_at: datetime

    @property
    def key(self) -> tuple[bool, int, datetime, str]:
        """Sorted by it, cases stand as they are heard: the highest customers, then by payout, age, and id."""
        return self.vip < VIP_FIRST, self.payout.priority, self.opened_at, self.id

    @property
    def rank(self) -> int:
        """The first two of its key in one number, so that it can be sorted where it is stored."""
        return (self.vip < VIP_FIRST) * len(PayoutMethod) + self.payout.priority
