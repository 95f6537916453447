"""The steps of a case that change nothing but the case: opened, let in, taken on, shown papers, late, escalated."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.card_redemption.domain.disputes.appealing import EXTERNAL_ROUTE, Asked
from services.card_redemption.domain.disputes.case import (
    UNDECIDED,
    Dispute,
    DisputeState,
    Lateness,
    Route,
    Verdict,
    must_stand,
)
from services.card_redemption.domain.disputes.evidence import PAPERS_MAX, EvidenceKind, Paper, has
from services.card_redemption.domain.disputes.kinds import SLAS, SPLITTABLE, DisputeType, complaint_due_on
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.kernel.calendar import WorkingCalendar
from services.kernel.errors import AlreadyExists, FailedPrecondition, InvalidArgument, PermissionDenied
from services.kernel.people import is_named, same_person

_S = DisputeState


def opened(
    order: RedemptionOrder, dispute_id: str, asked: Asked, *, by: str, now: datetime, calendar: WorkingCalendar,
    vip: int = 0, claimed_minor: int = 0,
) -> Dispute:
    """A new case; its time runs from now, by the working days that are known now."""
    regulator = asked.route is Route.REGULATOR
    sla = SLAS[asked.type]
    papers: tuple[Paper, ...] = ()
    for paper in asked.papers:
        papers = with_paper(papers, paper.kind, paper.reference, by, now)
    return Dispute(
        id=dispute_id, card_id=order.card_id, redemption_id=order.id, customer_id=order.customer_id, type=asked.type,
        route=asked.route, vip=vip, method=order.method, opened_by=by, opened_at=now, updated_at=now,
        claimed_minor=claimed_minor, complaint=asked.complaint, papers=papers,
        target_on=None if regulator else sla.target_on(now),
        due_on=complaint_due_on(asked.type, now, calendar) if regulator else sla.due_on(now, calendar),
    )


def check_claim(kind: DisputeType, claimed_minor: int, lost_minor: int, face_minor: int) -> None:
    """What is claimed of an amount: a face that is another, or no more than was lost (CLAIM_AMOUNT)."""
    if kind not in SPLITTABLE:
        wrong = claimed_minor != 0
    elif kind is DisputeType.WRONG_FACE:
        wrong = claimed_minor <= 0 or claimed_minor == face_minor
    else:
        wrong = not 0 < claimed_minor <= lost_minor
    if wrong:
        raise InvalidArgument("CLAIM_AMOUNT", f"{claimed_minor} fen is nothing that a {kind} can be about")


def exception_decided(dispute: Dispute, admitted: bool, by: str, reason: str, now: datetime) -> Dispute:
    """A supervisor who had no hand in it lets it in, or turns it away: then 12315 is the way that is left (RD-29)."""
    must_stand(dispute, _S.OPEN)
    if not dispute.waits_for_exception:
        raise FailedPrecondition("DISPUTE_STATE", f"{dispute.id} is no exception that waits")
    must_be_another(dispute, by)
    if admitted:
        return stepped(dispute, now, let_in_by=by, reason=reason)
    return stepped(
        dispute, now, state=_S.REJECTED, verdict=Verdict.REJECTED, deciders=(by,),
        reason=reason or f"no exception; {EXTERNAL_ROUTE} still listens",
    )


def triaged(dispute: Dispute, by: str, vip: int, now: datetime) -> Dispute:
    """Somebody takes it on; not its customer, and an exception only once it was let in."""
    must_stand(dispute, _S.OPEN)
    if dispute.waits_for_exception:
        raise FailedPrecondition("EXCEPTION_PENDING", f"a supervisor has to let {dispute.id} in first")
    if not is_named(by) or same_person(by, dispute.customer_id):
        raise PermissionDenied("FOUR_EYES", "nobody handles his own case")
    return stepped(dispute, now, state=_S.TRIAGED, handler=by, vip=max(vip, dispute.vip))


def shown(dispute: Dispute, kind: EvidenceKind, reference: str, by: str, now: datetime) -> Dispute:
    """One more paper; one that it has is none."""
    must_stand(dispute, *UNDECIDED)
    papers = with_paper(dispute.papers, kind, reference, by, now)
    if papers == dispute.papers:
        raise AlreadyExists("EVIDENCE_KNOWN", f"{dispute.id} has this paper")
    state = _S.EVIDENCE if dispute.state is _S.TRIAGED else dispute.state
    return stepped(dispute, now, state=state, papers=papers)


def with_paper(
    papers: tuple[Paper, ...], kind: EvidenceKind, reference: str, by: str, now: datetime
) -> tuple[Paper, ...]:
    """The papers with one more; the same ones if it is among them (EVIDENCE_LIMIT where there are too many)."""
    if has(papers, reference):
        return papers
    if len(papers) >= PAPERS_MAX:
        raise FailedPrecondition("EVIDENCE_LIMIT", f"a case has {PAPERS_MAX} papers at most")
    return (*papers, Paper(kind, reference, by, now))


def late(dispute: Dispute, now: datetime) -> Dispute:
    """Its target, or its last day, has passed."""
    past_target = dispute.lateness is Lateness.ON_TIME and dispute.target_on is not None
    return stepped(dispute, now, lateness=Lateness.PAST_TARGET if past_target else Lateness.OVERDUE)


def escalated(
    dispute: Dispute, complaint: str, handler: str, now: datetime, calendar: WorkingCalendar
) -> Dispute:
    """The customer complained at 12315 about a rejection: its time begins anew. Once; a second no is the last."""
    must_stand(dispute, _S.REJECTED)
    if dispute.complaint:
        raise FailedPrecondition("DISPUTE_STATE", f"{dispute.id} was decided with {dispute.complaint} known")
    if any(same_person(handler, name) for name in dispute.deciders):
        raise PermissionDenied("FOUR_EYES", "whoever rejected it does not bring it in again")
    return stepped(
        dispute, now, state=_S.ESCALATED_12315, complaint=complaint, handler=dispute.handler or handler,
        target_on=None, due_on=complaint_due_on(dispute.type, now, calendar), lateness=Lateness.ON_TIME,
        route=_as_let_in(dispute),
    )


def must_be_another(dispute: Dispute, by: str) -> None:
    """Who decides has a name, and had no hand in the case so far (FOUR_EYES, MA-3)."""
    if not is_named(by) or any(same_person(by, name) for name in dispute.people):
        raise PermissionDenied("FOUR_EYES", "whoever decides did not open it, work on it, or decide it before")


def stepped(dispute: Dispute, now: datetime, **changes: Any) -> Dispute:  # Any: each value has its field's type
    """The case one version on."""
    return replace(dispute, updated_at=now, version=dispute.version + 1, **changes)


def names(papers: Sequence[Paper]) -> tuple[str, ...]:
    """Papers as a redemption keeps them: `KIND:reference`."""
    return tuple(f"{paper.kind}:{paper.reference}" for paper in papers)


def _as_let_in(dispute: Dispute) -> Route:
    """An exception that was turned away comes in by 12315 now."""
    return Route.REGULATOR if dispute.waits_for_exception else dispute.route
