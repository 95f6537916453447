"""Disputes as callers see them and as they are told, and what is asked about them, between the wire and the domain."""

from services.card_redemption.domain.disputes.appealing import Answer
from services.card_redemption.domain.disputes.case import (
    Dispute,
    DisputeState,
    Lateness,
    Remedy,
    Route,
    Verdict,
)
from services.card_redemption.domain.disputes.events import DisputeStep, DisputeStepped
from services.card_redemption.domain.disputes.evidence import EvidenceKind, Paper
from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.wire.policies import PAYOUTS
from services.runtime.ground.codec import Entry
from services.runtime.ground.scalars import Enumeration, date_to_wire, instant_field, money_to_wire
from settlement.card_redemption.v1 import dispute_events_pb2, dispute_service_pb2
from settlement.card_redemption.v1 import dispute_pb2 as pb

TYPES = Enumeration(DisputeType, pb.DisputeType)
STATES = Enumeration(DisputeState, pb.DisputeState)
VERDICTS = Enumeration(Verdict, pb.DisputeVerdict)
PAPERS = Enumeration(EvidenceKind, pb.EvidenceKind)
ANSWERS = Enumeration(Answer, dispute_service_pb2.AppealVerdict)
_ROUTES = Enumeration(Route, pb.DisputeRoute)
_REMEDIES = Enumeration(Remedy, pb.DisputeRemedy)
_LATENESS = Enumeration(Lateness, pb.DisputeLateness)
_STEPS = Enumeration(DisputeStep, dispute_events_pb2.DisputeStep)


def dispute(value: Dispute) -> pb.Dispute:
    """A case, whole."""
    message = pb.Dispute(
        dispute_id=value.id, redemption_id=value.redemption_id, card_id=value.card_id, customer_id=value.customer_id,
        type=TYPES.to_wire[value.type], state=STATES.to_wire[value.state], version=value.version,
        route=_ROUTES.to_wire[value.route], vip_level=value.vip, method=PAYOUTS.to_wire[value.method],
        opened_by=value.opened_by, open_time=instant_field(value.opened_at),
        update_time=instant_field(value.updated_at), complaint=value.complaint, let_in_by=value.let_in_by,
        handler=value.handler, evidence=map(_paper, value.papers), strength=value.strength,
        remedy=_REMEDIES.to_wire[value.remedy], deciders=value.deciders, police_case=value.police_case,
        reason=value.reason, lateness=_LATENESS.to_wire[value.lateness],
        target_date=date_to_wire(value.target_on) if value.target_on else "",
        due_date=date_to_wire(value.due_on) if value.due_on else "",
    )
    if value.verdict is not None:
        message.verdict = VERDICTS.to_wire[value.verdict]
    for field, amount_minor in (("claimed", value.claimed_minor), ("granted", value.granted_minor)):
        if amount_minor:
            getattr(message, field).CopyFrom(money_to_wire(amount_minor))
    return message


def _paper(paper: Paper) -> pb.Evidence:
    return pb.Evidence(
        kind=PAPERS.to_wire[paper.kind], reference=paper.reference, submitted_by=paper.by,
        create_time=instant_field(paper.at),
    )


def stepped(fact: DisputeStepped) -> dispute_events_pb2.DisputeStepped:
    """A step, with the case as it left it."""
    return dispute_events_pb2.DisputeStepped(step=_STEPS.to_wire[fact.step], dispute=dispute(fact.dispute))


DISPUTES = (
    Entry(Dispute, pb.Dispute, dispute),
    Entry(DisputeStepped, dispute_events_pb2.DisputeStepped, stepped),
)
