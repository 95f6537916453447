"""What a case tells, among the events of its card: one fact for each step, with the case as it is after it."""

from dataclasses import dataclass
from enum import StrEnum

from services.card_redemption.domain.disputes.case import Dispute


class DisputeStep(StrEnum):
    """What happened to a case."""

    OPENED = "OPENED"
    LET_IN = "LET_IN"
    TURNED_AWAY = "TURNED_AWAY"
    """A supervisor made no exception of it."""
    TRIAGED = "TRIAGED"
    EVIDENCE_ADDED = "EVIDENCE_ADDED"
    FREEZE_PLACED = "FREEZE_PLACED"
    TARGET_MISSED = "TARGET_MISSED"
    OVERDUE = "OVERDUE"
    DECIDED = "DECIDED"
    """Granted; what was decided is under way."""
    TRIED_AGAIN = "TRIED_AGAIN"
    """What was decided could not be done yet."""
    REJECTED = "REJECTED"
    ESCALATED = "ESCALATED"
    EXECUTED = "EXECUTED"
    """What was decided is done; where it could be done at once, this is the only word of its decision."""


@dataclass(frozen=True, slots=True)
class DisputeStepped:
    """A case took a step; the case is as it left it."""

    step: DisputeStep
    dispute: Dispute
