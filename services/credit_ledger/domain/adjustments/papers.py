"""What every adjustment by hand needs: two people, the two papers, a reason, a date that may be (MA-1, MA-3)."""

from collections.abc import Sequence
from datetime import date, datetime

from services.credit_ledger.domain.core.position import Position
from services.kernel.calendar import business_date
from services.kernel.errors import InvalidArgument, PermissionDenied
from services.kernel.people import is_named, papers, same_person

EVIDENCE_MIN = 2
"""An adjustment needs the order page and the bill page (MA-1)."""


def two_people(maker: str, checker: str, evidence: Sequence[str]) -> None:
    """Refuse what one person did alone, or without the papers, however names and references are written."""
    if not is_named(maker) or not is_named(checker) or same_person(maker, checker):
        raise PermissionDenied("FOUR_EYES", "maker and checker are two people")
    if len(papers(evidence)) < EVIDENCE_MIN:
        raise InvalidArgument("EVIDENCE_REQUIRED", f"{EVIDENCE_MIN} evidence references are needed (MA-1)")


def reasoned(reason: str) -> None:
    """Refuse an adjustment without a reason."""
    if not reason:
        raise InvalidArgument("INVALID_ARGUMENT", "an adjustment has a reason (MA-3)", {"field": "reason"})


def dated(position: Position, effective_date: date | None, original_at: datetime, reaches_back: bool) -> date:
    """The effective date, today if none is named. Refused (BACKDATED) before the
    original's, and, unless that is permitted, before the open statement's first
    day; INVALID_ARGUMENT after today. A replay takes it as it was accepted."""
    today = business_date(position.at)
    effective, opened = effective_date or today, position.account.last_bill_date
    if position.replaying:
        return effective
    if effective > today:
        raise InvalidArgument("INVALID_ARGUMENT", f"{effective} is still to come", {"field": "effective_date"})
    if effective < business_date(original_at):
        raise InvalidArgument("BACKDATED", f"the original is of {business_date(original_at)} (MA-3)")
    if opened is not None and effective < opened and not reaches_back:
        raise InvalidArgument("BACKDATED", f"the statement of {opened} is issued; only with permission")
    return effective
