"""Requests about disputes, read: who asks, with which papers, for how much."""

from collections.abc import Iterable

from services.card_redemption.domain.disputes import commands
from services.card_redemption.domain.disputes.appealing import Asked
from services.card_redemption.domain.disputes.evidence import EvidenceKind, Shown
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.rpc.redemption_requests import amount_or_none
from services.card_redemption.wire.disputes import PAPERS, TYPES, VERDICTS
from services.kernel.errors import InvalidArgument
from services.kernel.money import amount
from settlement.card_redemption.v1 import dispute_service_pb2 as pb


def asked_of(request: pb.CanAppealRequest) -> Asked:
    """What could be opened with papers of these kinds, all different."""
    kinds: Iterable[EvidenceKind] = (PAPERS.from_wire[kind] for kind in request.evidence)
    papers = tuple(Shown(kind, str(number)) for number, kind in enumerate(kinds))
    return Asked(TYPES.from_wire[request.type], papers, request.exceptional, request.complaint)


def open_dispute(request: pb.OpenDisputeRequest) -> commands.OpenDispute:
    """Open a case. Only operators know of complaints at 12315."""
    if request.complaint and not request.operator_id:
        raise InvalidArgument("INVALID_ARGUMENT", "an operator notes a complaint", {"field": "operator_id"})
    actor, channel = _who(request.customer_id, request.operator_id)
    papers = tuple(_shown(paper) for paper in request.evidence)
    claimed_minor = amount(request.claimed.minor_units, "a claim") if request.HasField("claimed") else 0
    asked = Asked(TYPES.from_wire[request.type], papers, request.exceptional, request.complaint)
    return commands.OpenDispute(
        redemption_id=request.redemption_id, customer_id=request.customer_id, asked=asked, vip=request.vip_level,
        claimed_minor=claimed_minor, actor=actor, channel=channel,
    )


def submit_evidence(request: pb.SubmitEvidenceRequest) -> commands.SubmitEvidence:
    """One more paper."""
    actor, channel = _who(request.customer_id, request.operator_id)
    paper = _shown(request.evidence)
    return commands.SubmitEvidence(
        dispute_id=request.dispute_id, customer_id=request.customer_id, kind=paper.kind, reference=paper.reference,
        actor=actor, channel=channel,
    )


def decide_dispute(request: pb.DecideDisputeRequest) -> commands.DecideDispute:
    """A supervisor's word."""
    return commands.DecideDispute(
        dispute_id=request.dispute_id, verdict=VERDICTS.from_wire[request.verdict],
        granted_minor=amount_or_none(request, "granted", "a grant"), police_case=request.police_case,
        reason=request.reason, actor=request.supervisor_id,
    )


def _who(customer_id: str, operator_id: str) -> tuple[str, EntryChannel]:
    """Who asks, and where: an operator at the support desk, or the customer in his app."""
    if operator_id:
        return operator_id, EntryChannel.SUPPORT
    if not customer_id:
        raise InvalidArgument("INVALID_ARGUMENT", "a customer says who he is", {"field": "customer_id"})
    return customer_id, EntryChannel.APP


def _shown(paper: pb.EvidenceInput) -> Shown:
    return Shown(PAPERS.from_wire[paper.kind], paper.evidence_reference)
