"""Agreements with enterprises and their batches, between the wire and the domain."""

from datetime import date, timedelta

from services.card_redemption.domain.enterprise import commands, events
from services.card_redemption.domain.enterprise.agreement import ALERT_ABOVE_MINOR, Agreement, AgreementTerms
from services.card_redemption.domain.enterprise.batch import RevocationBatch, RevocationItem
from services.card_redemption.domain.recycling.enterprise import CUTOFF_MIN, Revocation
from services.kernel.errors import InvalidArgument
from services.kernel.money import amount
from services.runtime.ground.codec import Entry
from services.runtime.ground.scalars import Enumeration, instant_field, instant_from_wire, money_field
from settlement.card_redemption.v1 import enterprise_commands_pb2 as notices
from settlement.card_redemption.v1 import enterprise_events_pb2 as facts
from settlement.card_redemption.v1 import enterprise_pb2 as pb

RESULTS = Enumeration(Revocation, pb.RevocationResult)
SECONDS_MAX = 10**9
"""No cut-off is longer than can be counted; what is sound is bounded below that."""


def terms_from_wire(wire: pb.AgreementTerms) -> AgreementTerms:
    """Terms as an operator writes them; what is absent is as in `AgreementTerms`."""
    seconds = wire.edit_cutoff_seconds
    if not 0 <= seconds <= SECONDS_MAX:
        raise InvalidArgument("VALUE_OUT_OF_BOUNDS", "no such cut-off", {"field": "edit_cutoff_seconds"})
    return AgreementTerms(
        signed_on=_day("signed_date", wire.signed_date), document=wire.document, qualification=wire.qualification,
        qualified_until=_day("qualification_until_date", wire.qualification_until_date),
        until=_day("until_date", wire.until_date),
        edit_cutoff=timedelta(seconds=seconds) if seconds else CUTOFF_MIN,
        annual_purchase_minor=amount(wire.annual_purchase.minor_units, "a purchase"),
        alert_above_minor=amount(wire.alert_above.minor_units, "a threshold")
        if wire.HasField("alert_above") else ALERT_ABOVE_MINOR,
    )


def terms_to_wire(terms: AgreementTerms) -> pb.AgreementTerms:
    """Terms, whole."""
    return pb.AgreementTerms(
        signed_date=_date(terms.signed_on), document=terms.document, qualification=terms.qualification,
        qualification_until_date=_date(terms.qualified_until), until_date=_date(terms.until),
        edit_cutoff_seconds=int(terms.edit_cutoff.total_seconds()),
        annual_purchase=money_field(terms.annual_purchase_minor), alert_above=money_field(terms.alert_above_minor),
    )


def agreement(value: Agreement) -> pb.Agreement:
    """An agreement: what is in force, what waits, what was redeemed."""
    message = pb.Agreement(
        agreement_id=value.id, customer_id=value.customer_id, number=value.number, proposed_by=value.proposed_by,
        approved_by=value.approved_by, redeemed_year=value.year, redeemed=money_field(value.redeemed_minor),
        version=value.version, terms=terms_to_wire(value.terms) if value.number else None,
        approve_time=None if value.since is None else instant_field(value.since),
    )
    if value.proposal is not None:
        message.proposal.CopyFrom(pb.AgreementProposal(
            number=value.proposal.number, terms=terms_to_wire(value.proposal.terms),
            proposed_by=value.proposal.proposed_by, propose_time=instant_field(value.proposal.proposed_at),
        ))
    return message


def batch(value: RevocationBatch) -> pb.RevocationBatch:
    """A batch with its results so far."""
    return pb.RevocationBatch(
        batch_id=value.id, agreement_id=value.agreement_id, request_time=instant_field(value.requested_at),
        items=map(item_to_wire, value.items), pending=len(value.pending), released=money_field(value.released_minor),
        version=value.version,
    )


def item_to_wire(item: RevocationItem) -> pb.RevocationItem:
    """One redemption of a batch."""
    return pb.RevocationItem(
        redemption_id=item.redemption_id, card_id=item.card_id, result=RESULTS.to_wire[item.result],
        face_minor=item.face_minor,
    )


def item_from_wire(wire: pb.RevocationItem) -> RevocationItem:
    """The same, read."""
    return RevocationItem(wire.redemption_id, wire.card_id, RESULTS.from_wire[wire.result], wire.face_minor)


def _day(field: str, text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidArgument("INVALID_ARGUMENT", f"{field} is no date", {"field": field}) from error
    if day.isoformat() != text:
        raise InvalidArgument("INVALID_ARGUMENT", f"{field} is not written YYYY-MM-DD", {"field": field})
    return day


def _date(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _proposed(fact: events.AgreementProposed) -> facts.AgreementProposed:
    return facts.AgreementProposed(
        customer_id=fact.customer_id, terms=terms_to_wire(fact.terms), proposal=fact.proposal,
        proposed_by=fact.proposed_by,
    )


def _approved(fact: events.AgreementApproved) -> facts.AgreementApproved:
    return facts.AgreementApproved(
        customer_id=fact.customer_id, terms=terms_to_wire(fact.terms), number=fact.number,
        proposed_by=fact.proposed_by, approved_by=fact.approved_by,
    )


def _drawn(fact: events.AgreementDrawn) -> facts.AgreementDrawn:
    return facts.AgreementDrawn(
        redemption_id=fact.redemption_id, face_minor=fact.face_minor, year=fact.year, total_minor=fact.total_minor
    )


def _alerted(fact: events.RedeemedAmountAlert) -> facts.RedeemedAmountAlert:
    return facts.RedeemedAmountAlert(
        customer_id=fact.customer_id, redemption_id=fact.redemption_id, year=fact.year, total_minor=fact.total_minor,
        above_minor=fact.above_minor,
    )


def _requested(fact: events.RevocationRequested) -> facts.RevocationRequested:
    return facts.RevocationRequested(batch_id=fact.batch_id, items=map(item_to_wire, fact.items))


def _decided(fact: events.RevocationDecided) -> facts.RevocationDecided:
    return facts.RevocationDecided(batch_id=fact.batch_id, item=item_to_wire(fact.item))


def _revoked(fact: events.BatchRevoked) -> facts.BatchRevoked:
    return facts.BatchRevoked(
        batch_id=fact.batch_id, items=map(item_to_wire, fact.items), released_minor=fact.released_minor
    )


def _draw(body: commands.DrawAgreement) -> notices.DrawAgreement:
    return notices.DrawAgreement(
        agreement_id=body.agreement_id, redemption_id=body.redemption_id, face_minor=body.face_minor,
        accept_time=instant_field(body.accepted_at),
    )


def _draw_read(m: notices.DrawAgreement) -> commands.DrawAgreement:
    return commands.DrawAgreement(m.agreement_id, m.redemption_id, m.face_minor, instant_from_wire(m.accept_time))


def _revoke(body: commands.RevokeRedemption) -> notices.RevokeRedemption:
    return notices.RevokeRedemption(
        redemption_id=body.redemption_id, agreement_id=body.agreement_id, batch_id=body.batch_id,
        request_time=instant_field(body.requested_at),
    )


def _revoke_read(m: notices.RevokeRedemption) -> commands.RevokeRedemption:
    return commands.RevokeRedemption(m.redemption_id, m.agreement_id, m.batch_id, instant_from_wire(m.request_time))


def _report(body: commands.ReportRevocation) -> notices.ReportRevocation:
    return notices.ReportRevocation(batch_id=body.batch_id, item=item_to_wire(body.item))


def _report_read(m: notices.ReportRevocation) -> commands.ReportRevocation:
    return commands.ReportRevocation(m.batch_id, item_from_wire(m.item))


ENTERPRISE = (
    Entry(Agreement, pb.Agreement, agreement),
    Entry(RevocationBatch, pb.RevocationBatch, batch),
    Entry(events.AgreementProposed, facts.AgreementProposed, _proposed),
    Entry(events.AgreementApproved, facts.AgreementApproved, _approved),
    Entry(events.AgreementDrawn, facts.AgreementDrawn, _drawn),
    Entry(events.RedeemedAmountAlert, facts.RedeemedAmountAlert, _alerted),
    Entry(events.RevocationRequested, facts.RevocationRequested, _requested),
    Entry(events.RevocationDecided, facts.RevocationDecided, _decided),
    Entry(events.BatchRevoked, facts.BatchRevoked, _revoked),
    Entry(commands.DrawAgreement, notices.DrawAgreement, _draw, _draw_read),
    Entry(commands.RevokeRedemption, notices.RevokeRedemption, _revoke, _revoke_read),
    Entry(commands.ReportRevocation, notices.ReportRevocation, _report, _report_read),
)
"""What travels of agreements."""
