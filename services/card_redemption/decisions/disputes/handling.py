"""What happens to a case before it is decided, when its time is over, and after it was rejected (RD-29, 12315)."""

from datetime import datetime

from services.card_redemption.decisions.disputes.finding import case_of
from services.card_redemption.decisions.disputes.telling import alone, beside
from services.card_redemption.decisions.redemptions.correcting import holding
from services.card_redemption.decisions.rows import card_of
from services.card_redemption.decisions.terms import working_days
from services.card_redemption.domain.disputes import living, timers
from services.card_redemption.domain.disputes.case import HANDLED, Dispute, Lateness, must_stand
from services.card_redemption.domain.disputes.commands import (
    DecideException,
    EscalateDispute,
    FreezeForDispute,
    SubmitEvidence,
    TriageDispute,
)
from services.card_redemption.domain.disputes.events import DisputeStep
from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.domain.redemption import freezing
from services.kernel.decision import Decision, Known, Timer
from services.kernel.errors import FailedPrecondition
from services.kernel.messages import Message, TimerDue


def decide_exception(known: Known, body: DecideException, message: Message, now: datetime) -> Decision:
    """A supervisor lets an appeal in that came after its window, or turns it away."""
    case = case_of(known, body.dispute_id, message.key)
    decided = living.exception_decided(case.dispute, body.admitted, body.actor, body.reason, now)
    step = DisputeStep.LET_IN if body.admitted else DisputeStep.TURNED_AWAY
    return alone(case.card, decided, step, now)


def triage(known: Known, body: TriageDispute, message: Message, now: datetime) -> Decision:
    """An operator takes it from the queue."""
    case = case_of(known, body.dispute_id, message.key)
    return alone(case.card, living.triaged(case.dispute, body.actor, body.vip, now), DisputeStep.TRIAGED, now)


def submit_evidence(known: Known, body: SubmitEvidence, message: Message, now: datetime) -> Decision:
    """One more paper."""
    case = case_of(known, body.dispute_id, message.key, body.customer_id)
    after = living.shown(case.dispute, body.kind, body.reference, body.actor, now)
    return alone(case.card, after, DisputeStep.EVIDENCE_ADDED, now)


def freeze(known: Known, body: FreezeForDispute, message: Message, now: datetime) -> Decision:
    """A redemption whose code was submitted twice stops with its payouts, until that is decided (RD-20, OP-8)."""
    case = case_of(known, body.dispute_id, message.key)
    must_stand(case.dispute, *HANDLED)
    if case.dispute.type is not DisputeType.DUPLICATE_CODE:
        raise FailedPrecondition("DISPUTE_STATE", f"{case.dispute.id} is about {case.dispute.type}: it stops nothing")
    stopped = holding(freezing.held(case.order, case.card, case.dispute.id, now), message, now)
    after = living.stepped(case.dispute, now)
    return beside(stopped, after, DisputeStep.FREEZE_PLACED, now).decided(after)


def escalate(known: Known, body: EscalateDispute, message: Message, now: datetime) -> Decision:
    """The customer complained at 12315: it stands in the queue again, and another supervisor decides."""
    case = case_of(known, body.dispute_id, message.key)
    after = living.escalated(case.dispute, body.complaint, body.actor, now, working_days(known, now))
    return alone(case.card, after, DisputeStep.ESCALATED, now)


def late(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer: its target, or its last day, is over; that is told, and the queue shows it."""
    dispute = known.find(Dispute, body.key)
    due_at = None if dispute is None else timers.next_alarm(dispute)
    if dispute is None or due_at is None:
        return Decision()
    if now < due_at:
        return Decision(timers=(Timer(timers.SLA, dispute.id, dispute.card_id, due_at),))
    after = living.late(dispute, now)
    step = DisputeStep.OVERDUE if after.lateness is Lateness.OVERDUE else DisputeStep.TARGET_MISSED
    return alone(card_of(known, message.key), after, step, now)
