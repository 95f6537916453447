"""Agreements with enterprises: proposed, approved, drawn on by redemptions, and their batches (1.9, A18, A19)."""

from dataclasses import replace
from datetime import datetime, timedelta

from services.card_redemption.decisions.recorded import asked_by_customer, published
from services.card_redemption.domain.enterprise import changing, drawing
from services.card_redemption.domain.enterprise.agreement import (
    AgreedTerms,
    Agreement,
    AgreementTerms,
    AgreementYear,
    year_id,
)
from services.card_redemption.domain.enterprise.batch import RevocationBatch, RevocationItem
from services.card_redemption.domain.enterprise.commands import (
    ApproveAgreement,
    DrawAgreement,
    ProposeAgreement,
    ReportRevocation,
    RevokeBatch,
    RevokeRedemption,
)
from services.card_redemption.domain.recycling.enterprise import (
    CUTOFF_MIN,
    Revocation,
    may_revoke_batches,
    may_schedule,
)
from services.card_redemption.domain.recycling.policy import ChannelPolicy, Demand
from services.card_redemption.domain.redemption.drafts import Draft
from services.card_redemption.domain.redemption.participation import CARD_REDEMPTION
from services.kernel.calendar import business_date
from services.kernel.decision import Command, Decision, Known, Wanted, rule
from services.kernel.errors import FailedPrecondition, NotFound
from services.kernel.ids import derived
from services.kernel.messages import Message


def propose(known: Known, body: ProposeAgreement, message: Message, now: datetime) -> Decision:
    """Propose terms; an id that nobody used yet is a new agreement, and another's is none of this customer."""
    found = known.find(Agreement, body.agreement_id) or Agreement(body.agreement_id, body.customer_id)
    return changing.propose(_theirs(found, body.agreement_id, body.customer_id), body.terms, body.operator_id, now)


def approve(known: Known, body: ApproveAgreement, message: Message, now: datetime) -> Decision:
    """Approve them."""
    found = _theirs(known.find(Agreement, body.agreement_id), body.agreement_id)
    return changing.approve(found, body.proposal, body.operator_id, now)


def draw(known: Known, body: DrawAgreement, message: Message, now: datetime) -> Decision:
    """Notice: a redemption was accepted under it. It was there when that was submitted, and nothing deletes it."""
    agreement = _theirs(known.find(Agreement, body.agreement_id), body.agreement_id)
    year = drawing.closed_year(agreement, body)
    closed = known.find(AgreementYear, year_id(agreement.id, year)) if year else None
    return drawing.drawn(agreement, body, closed)


def revoke_batch(known: Known, body: RevokeBatch, message: Message, now: datetime) -> Decision:
    """Ask the card of each redemption; of an enterprise that may not revoke in batches nobody is asked (A19)."""
    agreement = _theirs(known.find(Agreement, body.agreement_id), body.agreement_id, body.customer_id)
    eligible = _in_force(agreement, now) and may_revoke_batches(agreement.terms.annual_purchase_minor)
    batch = RevocationBatch(
        derived("bat", message.id), agreement.id, now,
        tuple(_item(redemption_id, card_id, eligible) for redemption_id, card_id in body.redemptions),
    )
    asked = tuple(
        Command(CARD_REDEMPTION, item.card_id, RevokeRedemption(item.redemption_id, agreement.id, batch.id, now),
                id=f"{batch.id}/{item.redemption_id}")
        for item in batch.pending
    )
    return replace(drawing.requested(agreement, batch), commands=asked)


def report(known: Known, body: ReportRevocation, message: Message, now: datetime) -> Decision:
    """Notice: one redemption of a batch is decided."""
    batch = known.find(RevocationBatch, body.batch_id)
    if batch is None:
        raise NotFound("BATCH_NOT_FOUND", f"there is no batch {body.batch_id}")
    return drawing.reported(_theirs(known.find(Agreement, batch.agreement_id), batch.agreement_id), batch, body.item)


def agreed(known: Known, agreement_id: str) -> AgreementTerms | None:
    """What is in force of an agreement now; nothing where there is none."""
    found = known.find(AgreedTerms, agreement_id) if agreement_id else None
    return None if found is None else found.terms


def must_be_agreed(known: Known, draft: Draft, terms: ChannelPolicy, now: datetime) -> None:
    """A submission for enterprises is under an agreement of theirs that is signed, with a verified qualification; what
    is scheduled lies as far ahead as can be edited before it (1.9, A18)."""
    cutoff = must_be_under_agreement(known, terms, draft.agreement_id, draft.customer_id, now)
    if draft.scheduled_at is not None and not may_schedule(now, draft.scheduled_at, cutoff):
        raise FailedPrecondition("LEAD_TOO_SHORT", f"a schedule lies {cutoff} ahead at least")


def must_be_under_agreement(
    known: Known, terms: ChannelPolicy, agreement_id: str, customer_id: str, now: datetime
) -> timedelta:
    """Where the channel demands it, an agreement of this customer is in force and good today; answers its cut-off."""
    if Demand.AGREEMENT not in terms.demands:
        return CUTOFF_MIN
    found = known.find(AgreedTerms, agreement_id)
    if found is None or found.customer_id != customer_id:
        raise NotFound("AGREEMENT_NOT_FOUND", f"nothing is in force of an agreement {agreement_id}")
    changing.must_be_good(found.terms, business_date(now))
    return found.terms.edit_cutoff


def cutoff_of(known: Known, agreement_id: str) -> timedelta:
    """Until how long before its instant a schedule may be edited, by the agreement as it is now (A18)."""
    terms = agreed(known, agreement_id)
    return CUTOFF_MIN if terms is None else terms.edit_cutoff


def _item(redemption_id: str, card_id: str, eligible: bool) -> RevocationItem:
    if not eligible:
        return RevocationItem(redemption_id, card_id, Revocation.DENY_NOT_ELIGIBLE)
    return RevocationItem(redemption_id, card_id, Revocation.PENDING if card_id else Revocation.DENY_NOT_FOUND)


def _in_force(agreement: Agreement, now: datetime) -> bool:
    if not agreement.number:
        return False
    try:
        changing.must_be_good(agreement.terms, business_date(now))
    except FailedPrecondition:
        return False
    return True


def _theirs(agreement: Agreement | None, agreement_id: str, customer_id: str = "") -> Agreement:
    if agreement is None or (customer_id and agreement.customer_id != customer_id):
        raise NotFound("AGREEMENT_NOT_FOUND", f"there is no agreement {agreement_id}")
    return agreement


def _agreement(body: object, message: Message) -> Wanted:
    return ((Agreement, message.key),)


def _reported(body: ReportRevocation, message: Message) -> Wanted:
    return (Agreement, message.key), (RevocationBatch, body.batch_id)


RULES = (
    rule(ProposeAgreement, _agreement, propose, published("PROPOSE_AGREEMENT")),
    rule(ApproveAgreement, _agreement, approve, published("APPROVE_AGREEMENT")),
    rule(RevokeBatch, _agreement, revoke_batch, asked_by_customer("REVOKE_BATCH")),
    rule(DrawAgreement, _agreement, draw),
    rule(ReportRevocation, _reported, report),
)
