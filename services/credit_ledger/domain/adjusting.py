"""What every adjustment by hand needs: two people, the two papers, a date that is not before the original's (MA-1, MA-3)."""

from collections.abc import Sequence
from datetime import date, datetime

from services.kernel.calendar import business_date
from services.kernel.errors import InvalidArgument, PermissionDenied

EVIDENCE_MIN = 2
"""An adjustment needs the order page and the bill page (MA-1)."""


def two_people(maker: str, checker: str, evidence: Sequence[str]) -> None:
    """Refuse what one person did alone, or without the papers."""
    if not maker or not checker or maker == checker:
        raise PermissionDenied("FOUR_EYES", "maker and checker are two people")
    if len(set(evidence)) < EVIDENCE_MIN:
        raise InvalidArgument("EVIDENCE_REQUIRED", f"{EVIDENCE_MIN} evidence references are needed (MA-1)")


def not_backdated(effective_date: date | None, original_at: datetime) -> None:
    """Refuse an effective date before that of the original."""
    if effective_date is not None and effective_date < business_date(original_at):
        raise InvalidArgument("BACKDATED", f"the original is of {business_date(original_at)} (MA-3)")
