"""The pins of a binding quote, checked where they count: inside the decision that carries it out (U1, FE-7)."""

from datetime import date, datetime, timedelta

from services.credit_ledger.domain.core.position import Position
from services.credit_ledger.domain.model.commands import RefundTenders, ReleaseTenders
from services.kernel.calendar import TICK, business_date, end_of
from services.kernel.errors import Aborted

QUOTE_MINUTES_MAX = 10
"""How long a quote holds at most."""



def valid_until(now: datetime, next_cut_at: datetime | None) -> datetime:
    """The earlier of ten minutes, the next cut and the end of
    the fee day: FE-2 changes at midnight, SC-1 at the cut."""
    ends = (now + timedelta(minutes=QUOTE_MINUTES_MAX), end_of(business_date(now)))
    return min(*ends, next_cut_at) if next_cut_at is not None else min(ends)


def check_quote(position: Position, body: RefundTenders | ReleaseTenders) -> None:
    """Refuse with QUOTE_STALE what would not come out exactly as it was quoted; no pins, nothing to hold.

    `valid_until` itself is still inside (CV-9), unless it is the midnight or the cut that ends the quote. On the day of
    the quote every cut that is due was due for the quote too, made or not: it is part of both computations.
    """
    until, version = body.quote_valid_until, body.expected_account_version
    if position.replaying or (until is None and not version):
        return
    if version not in (0, position.before.version):
        raise Aborted("QUOTE_STALE", "the account has moved", {"account_version": str(position.before.version)})
    if until is None and position.operations:
        raise Aborted("QUOTE_STALE", "a statement was cut")
    if until is not None and (position.at > until or business_date(position.at) != _quoted_day(until)):
        raise Aborted("QUOTE_STALE", f"it was good until {until}")


def _quoted_day(until: datetime) -> date:
    """The business date a quote was given on: its end is at most the midnight after it."""
    return business_date(until - TICK)
