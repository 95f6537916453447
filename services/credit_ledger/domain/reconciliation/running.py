"""A daily comparison, page by page: each page is an action after the commit, whose report decides the next (PM-7)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from services.credit_ledger.domain.model.leg import QueryLeg
from services.credit_ledger.domain.model.reconciliation import (
    BEGINNING,
    CompareRail,
    Difference,
    RailCompared,
    RailDifference,
    RailDifferenceFound,
    RailDifferenceResolved,
    Reconciliation,
    ReconciliationState,
)
from services.kernel.calendar import business_date, start_of
from services.kernel.decision import Timer

RECONCILE_TIMER = "reconcile"
"""The kind of the timer that starts the daily comparison, and goes on with one whose page got lost."""

HOUR_OF_DAY = timedelta(hours=4)
"""When the comparison starts, after midnight: behind the statement cuts."""

PAGE_LOST = timedelta(minutes=10)


class Stepped(NamedTuple):
    """A step of a comparison: the rows and the facts that it leaves, and what is done next."""

    row: Reconciliation
    timer: Timer
    actions: tuple[object, ...]
    differences: tuple[RailDifference, ...] = ()
    facts: tuple[object, ...] = ()


def next_start(now: datetime) -> datetime:
    """The next night's instant."""
    return start_of(business_date(now) + timedelta(days=1)) + HOUR_OF_DAY


def woken(row: Reconciliation | None, key: str, now: datetime) -> Stepped:
    """Start a comparison, or go on with the one whose page got lost."""
    row = row or Reconciliation(key, version=0)
    if row.state is not ReconciliationState.RUNNING or row.started_at is None:
        row = replace(
            row, state=ReconciliationState.RUNNING, run=row.run + 1, place=BEGINNING, compared=0, found=0,
            started_at=now,
        )
    return _asked(replace(row, version=row.version + 1), now)


def compared(
    row: Reconciliation, body: RailCompared, stored: Mapping[str, RailDifference | None], now: datetime
) -> Stepped | None:
    """A page was compared. None for one that was not asked for any more."""
    if row.state is not ReconciliationState.RUNNING or (body.run, body.place) != (row.run, row.place):
        return None
    seen = tuple(_seen(row, difference, stored.get(difference.key), now) for difference in body.differences)
    agreed = tuple(
        replace(known, resolved_at=now, version=known.version + 1)
        for key in body.agreed if (known := stored.get(key)) is not None and known.resolved_at is None
    )
    facts = (
        *(RailDifferenceFound(row.id, new.difference) for new in seen if _is_new(stored.get(new.key), new)),
        *(RailDifferenceResolved(row.id, old.key, old.difference.kind) for old in agreed),
    )
    ended = body.following is None
    row = replace(
        row, place=body.following or BEGINNING, compared=row.compared + body.compared, found=row.found + len(seen),
        state=ReconciliationState.IDLE if ended else row.state, ended_at=now if ended else row.ended_at,
        version=row.version + 1, sequence=row.sequence + len(facts),
    )
    asks = tuple(QueryLeg(leg, only_ask=True) for leg in body.ask)
    after = Stepped(row, _timer(row, next_start(now)), ()) if ended else _asked(row, now)
    return after._replace(actions=(*asks, *after.actions), differences=(*seen, *agreed), facts=facts)


def _asked(row: Reconciliation, now: datetime) -> Stepped:
    action = CompareRail(row.id, row.run, row.place, row.started_at or now)
    return Stepped(row, _timer(row, now + PAGE_LOST), (action,))


def _timer(row: Reconciliation, due_at: datetime) -> Timer:
    return Timer(RECONCILE_TIMER, row.id, row.id, due_at)


def _seen(row: Reconciliation, difference: Difference, known: RailDifference | None, now: datetime) -> RailDifference:
    """A difference as it is kept: open since it was first seen; one that comes back is a new one."""
    if known is None:
        return RailDifference(row.id, difference, now, now)
    opened_at = known.opened_at if known.resolved_at is None else now
    return replace(
        known, difference=difference, opened_at=opened_at, seen_at=now, resolved_at=None, version=known.version + 1
    )


def _is_new(known: RailDifference | None, seen: RailDifference) -> bool:
    return known is None or known.resolved_at is not None or known.difference.kind is not seen.difference.kind
