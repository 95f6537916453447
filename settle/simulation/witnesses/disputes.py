"""Disputes as they step: what of them is rare has its name."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from services.card_redemption.domain.disputes.case import Remedy, Verdict
from services.card_redemption.domain.disputes.events import DisputeStep, DisputeStepped

if TYPE_CHECKING:
    from settle.simulation.world import World

_BY_STEP: Mapping[DisputeStep, str] = {
    DisputeStep.LET_IN: "exception_let_in", DisputeStep.TURNED_AWAY: "exception_turned_away",
    DisputeStep.FREEZE_PLACED: "dispute_stopped_it", DisputeStep.OVERDUE: "dispute_overdue",
    DisputeStep.TRIED_AGAIN: "remedy_tried_again", DisputeStep.ESCALATED: "dispute_escalated",
}
_BY_REMEDY: Mapping[Remedy, str] = {
    Remedy.REVOCATION: "dispute_revoked_it", Remedy.VOUCHER: "dispute_consoled",
    Remedy.FACE_CORRECTION: "dispute_corrected_the_face", Remedy.FAULT_REVERSAL: "dispute_reversed_the_fault",
    Remedy.FRAUD_CLOSING: "dispute_closed_the_fraud", Remedy.FREEZE: "dispute_left_it_stopped",
    Remedy.RELEASE: "dispute_let_it_go", Remedy.ADJUSTMENT: "dispute_gave_back",
    Remedy.LIFTING: "restriction_lifted",
}
_OVER = (DisputeStep.EXECUTED, DisputeStep.REJECTED)


def saw(world: "World", fact: DisputeStepped) -> None:
    """What happened to a case."""
    note, dispute = world.reached.note, fact.dispute
    if fact.step in _BY_STEP:
        note(_BY_STEP[fact.step])
    if fact.step in _OVER and dispute.remedy in _BY_REMEDY:
        note(_BY_REMEDY[dispute.remedy])
    if fact.step is DisputeStep.EXECUTED and dispute.verdict is Verdict.PARTIAL:
        note("dispute_granted_in_part")
