"""A supervisor decides a case, and what he decided is done: at once, or once the redemption is free for it (OP-14)."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.decisions.disputes.finding import Case, case_of
from services.card_redemption.decisions.disputes.remedies import applied
from services.card_redemption.decisions.disputes.telling import alone, beside
from services.card_redemption.domain.disputes import living, timers, verdicts
from services.card_redemption.domain.disputes.case import HANDLED, Dispute, DisputeState, Remedy, Verdict, must_stand
from services.card_redemption.domain.disputes.commands import DecideDispute
from services.card_redemption.domain.disputes.events import DisputeStep
from services.card_redemption.domain.redemption import freezing
from services.card_redemption.domain.redemption.order import RedemptionOrder, refuse_while_settling
from services.card_redemption.domain.redemption.participation import CARD_REDEMPTION, LiftRestriction
from services.kernel.decision import Command, Decision, Known, Timer
from services.kernel.errors import SettlementError
from services.kernel.messages import Message, TimerDue

_S = DisputeState
_OF_FRAUDS = frozenset({Remedy.FRAUD_CLOSING, Remedy.RELEASE})
"""What may decide a fraud that was reported without the case."""


def decide(known: Known, body: DecideDispute, message: Message, now: datetime) -> Decision:
    """Who had no hand in it, nor reported the fraud that it is about, says what becomes of it; what that takes is
    refused here if it cannot be (MA-3)."""
    case = case_of(known, body.dispute_id, message.key)
    must_stand(case.dispute, *HANDLED)
    living.must_be_another(case.dispute, body.actor)
    refuse_while_settling(case.order)
    decided = living.stepped(
        case.dispute, now, verdict=body.verdict, reason=body.reason, police_case=body.police_case,
        deciders=(*case.dispute.deciders, body.actor),
        granted_minor=verdicts.granted_minor(case.dispute, case.order, body.verdict, body.granted_minor),
    )
    decided = replace(decided, remedy=verdicts.remedy_of(decided, case.order))
    if decided.remedy in _OF_FRAUDS:
        freezing.must_be_another(case.order, body.actor)
    verdicts.must_be_proven(decided, decided.remedy)
    return _carried_out(known, case._replace(dispute=decided), message, now)


def execute(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer: what was decided is done by now, or is tried again after a pause; what stands against it is told."""
    dispute = known.find(Dispute, body.key)
    if dispute is None or dispute.state is not _S.DECIDED:
        return Decision()
    case = case_of(known, dispute.id, message.key)
    refuse_while_settling(case.order)
    looked_at = living.stepped(dispute, now, remedy=verdicts.left_to_do(dispute, case.order))
    if verdicts.is_done(looked_at, case.order):
        return _ended(case._replace(dispute=looked_at), now)
    if now < (again_at := timers.again_at(dispute)):
        return Decision(timers=(Timer(timers.EXECUTE, dispute.id, dispute.card_id, again_at),))
    case = case._replace(dispute=replace(looked_at, attempts=dispute.attempts + 1))
    try:
        return _carried_out(known, case, message, now)
    except SettlementError as error:  # told with its reason, and the case stays in the list of what is open
        stands = replace(case.dispute, reason=error.reason)
        return alone(case.card, stands, DisputeStep.TRIED_AGAIN, now)


def _carried_out(known: Known, case: Case, message: Message, now: datetime) -> Decision:
    step = applied(known, case, message, now)
    if step is None:
        return _ended(case, now)
    after, told = _after(case.dispute, step.order)
    return beside(step, after, told, now).decided(after)


def _after(dispute: Dispute, order: RedemptionOrder) -> tuple[Dispute, DisputeStep]:
    """Where the case stands once this was done to its redemption."""
    if dispute.verdict is Verdict.REJECTED:
        return replace(dispute, state=_S.REJECTED), DisputeStep.REJECTED
    if verdicts.is_done(dispute, order):
        return replace(dispute, state=_S.EXECUTED), DisputeStep.EXECUTED
    told = DisputeStep.TRIED_AGAIN if dispute.state is _S.DECIDED else DisputeStep.DECIDED
    return replace(dispute, state=_S.DECIDED), told


def _ended(case: Case, now: datetime) -> Decision:
    """Nothing happens to the redemption now; a restriction is lifted where its customer's root is (RD-25)."""
    after, told = _after(case.dispute, case.order)
    lifting: tuple[Command, ...] = ()
    if after.remedy is Remedy.LIFTING:
        body = LiftRestriction(after.customer_id, after.redemption_id)
        lifting = (Command(CARD_REDEMPTION, after.customer_id, body, id=f"{after.id}/lift"),)
    return alone(case.card, after, told, now, *lifting)
