"""The timers of a case: when its time is over, and when what was decided is tried again."""

from datetime import datetime

from services.card_redemption.domain.disputes.case import UNDECIDED, Dispute, DisputeState, Lateness
from services.kernel.backoff import pause
from services.kernel.calendar import end_of
from services.kernel.decision import Timer

SLA = "dispute_sla"
"""The target, or the last day, has passed: both are told."""
EXECUTE = "dispute_execute"
"""What was decided is looked after, until it is done."""

AGAIN_SECONDS, AGAIN_SECONDS_MAX = 60, 86_400
"""What was decided and cannot be done yet is tried again after these, twice as long each time."""


def next_alarm(dispute: Dispute) -> datetime | None:
    """The first instant after its target, then after its last day; None where no time runs (any more)."""
    if dispute.state not in UNDECIDED or dispute.lateness is Lateness.OVERDUE:
        return None
    on_target = dispute.lateness is Lateness.ON_TIME and dispute.target_on is not None
    day = dispute.target_on if on_target else dispute.due_on
    return None if day is None else end_of(day)


def waking(dispute: Dispute, now: datetime) -> tuple[Timer, ...]:
    """What wakes it where it stands."""
    alarm_at = next_alarm(dispute)
    if alarm_at is not None:
        return (Timer(SLA, dispute.id, dispute.card_id, alarm_at),)
    if dispute.state is DisputeState.DECIDED:
        return (Timer(EXECUTE, dispute.id, dispute.card_id, now),)
    return ()


def again_at(dispute: Dispute) -> datetime:
    """From when on what was decided may be tried again."""
    after = pause(dispute.id, dispute.attempts, first_seconds=AGAIN_SECONDS, most_seconds=AGAIN_SECONDS_MAX)
    return dispute.updated_at + after
