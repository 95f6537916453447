"""How much may be given back in one day, for one customer and at one merchant: limits that settings give, off without.

What was given back on the last day on which anything was stands in one row for each of them, locked and counted in the
transaction that begins the refund; without a limit there is no row. Whoever could begin refunds without end, by a
mistake or a stolen token, is stopped by it; a limit is no rule of trade, and lies far above what a day of trade brings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple

from services.kernel.calendar import business_date, end_of
from services.kernel.errors import FailedPrecondition

CUSTOMER_COUNT, CUSTOMER_MINOR = "refund_customer_day_count_max", "refund_customer_day_minor_max"
MERCHANT_COUNT, MERCHANT_MINOR = "refund_merchant_day_count_max", "refund_merchant_day_minor_max"
LIMITS = (CUSTOMER_COUNT, CUSTOMER_MINOR, MERCHANT_COUNT, MERCHANT_MINOR)
"""The settings; 0 is no limit."""


class Limited(NamedTuple):
    """Whose refunds are counted, and the names of their two limits."""

    subject: str
    refunds: str
    money: str


@dataclass(frozen=True, slots=True)
class RefundDay:
    """The refunds that began on one day in Shanghai, of whom `id` names: `customer/cus_1`, `merchant/mer_1`."""

    id: str
    day: date
    refunds: int
    amount_minor: int
    version: int = 1

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.id


def limited(limits: Mapping[str, int], customer_id: str, merchant_id: str) -> Iterable[Limited]:
    """Whose refunds have a limit; none of them if no limit is set."""
    for each in (
        Limited(f"customer/{customer_id}", CUSTOMER_COUNT, CUSTOMER_MINOR),
        Limited(f"merchant/{merchant_id}", MERCHANT_COUNT, MERCHANT_MINOR),
    ):
        if limits.get(each.refunds) or limits.get(each.money):
            yield each


def counted(
    before: RefundDay | None, of: Limited, amount_minor: int, limits: Mapping[str, int], now: datetime
) -> RefundDay:
    """The day with one more refund, within the limits; with a new day it begins anew."""
    today = business_date(now)
    after = RefundDay(of.subject, today, 1, amount_minor)
    if before is not None and before.day >= today:  # a clock that was set back begins no day anew
        amount_minor += before.amount_minor
        after = replace(after, day=before.day, refunds=before.refunds + 1, amount_minor=amount_minor)
    for limit, reached in ((of.refunds, after.refunds), (of.money, after.amount_minor)):
        if limits.get(limit) and reached > limits[limit]:
            told = {"limit": limit, "at_most": str(limits[limit]), "until": end_of(after.day).isoformat()}
            raise FailedPrecondition(
                "REFUND_LIMIT_REACHED", f"{of.subject} would come to {reached} on {after.day}", told
            )
    return after if before is None else replace(after, version=before.version + 1)
