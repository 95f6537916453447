"""How an agreement changes: one person proposes its terms, another puts them in force, and both are told."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

from services.card_redemption.domain.enterprise.agreement import Agreement, AgreementProposal, AgreementTerms
from services.card_redemption.domain.enterprise.events import AgreementApproved, AgreementProposed
from services.card_redemption.domain.four_eyes import approved, check_proposer
from services.card_redemption.domain.recycling.enterprise import CUTOFF_MIN
from services.kernel.calendar import business_date
from services.kernel.decision import Decision, Done, Event
from services.kernel.errors import FailedPrecondition, InvalidArgument
from services.kernel.money import AMOUNT_MAX_MINOR
from services.kernel.people import flaw_of_paper

CUTOFF_MAX = timedelta(days=366)
PAPER_LENGTH_MAX = 200
_PAPER = re.compile(r"\S(.*\S)?", re.DOTALL)


def propose(agreement: Agreement, terms: AgreementTerms, operator_id: str, now: datetime) -> Decision:
    """Let terms wait for a second person; those that waited before are replaced."""
    check_proposer(operator_id)
    check_terms(terms, now)
    proposal = AgreementProposal(agreement.proposals + 1, terms, operator_id, now)
    proposed = replace(agreement, proposals=proposal.number, proposal=proposal)
    return _told(proposed, AgreementProposed(agreement.customer_id, terms, proposal.number, operator_id))


def approve(agreement: Agreement, number: int, operator_id: str, now: datetime) -> Decision:
    """Put the terms in force that wait under this number; what is under way goes by them from now on."""
    proposal = approved(agreement.proposal, number, operator_id)
    changed = replace(
        agreement, number=agreement.number + 1, terms=proposal.terms, proposed_by=proposal.proposed_by,
        approved_by=operator_id, since=now, proposal=None,
    )
    told = AgreementApproved(
        customer_id=changed.customer_id, terms=changed.terms, number=changed.number, proposed_by=changed.proposed_by,
        approved_by=operator_id,
    )
    return _told(changed, told)


def check_terms(terms: AgreementTerms, now: datetime) -> None:
    """Refuse terms that cannot be meant: VALUE_OUT_OF_BOUNDS, AGREEMENT_UNSIGNED for a signature of tomorrow."""
    for field, within in (
        ("edit_cutoff_seconds", CUTOFF_MIN <= terms.edit_cutoff <= CUTOFF_MAX),
        ("annual_purchase", 0 <= terms.annual_purchase_minor <= AMOUNT_MAX_MINOR),
        ("alert_above", 0 <= terms.alert_above_minor <= AMOUNT_MAX_MINOR),
    ):
        if not within:
            raise InvalidArgument("VALUE_OUT_OF_BOUNDS", f"{field} is out of bounds", {"field": field})
    for field, paper in (("document", terms.document), ("qualification", terms.qualification)):
        if paper and (len(paper) > PAPER_LENGTH_MAX or not _PAPER.fullmatch(paper) or flaw_of_paper(paper)):
            raise InvalidArgument("VALUE_OUT_OF_BOUNDS", f"{field} is no reference to a paper", {"field": field})
    if flaw := next(_contradictions(terms), ""):
        raise InvalidArgument("INVALID_ARGUMENT", flaw)
    if terms.signed_on is not None and terms.signed_on > business_date(now):
        raise FailedPrecondition("AGREEMENT_UNSIGNED", f"{terms.signed_on} has not come yet")


def must_be_good(terms: AgreementTerms, today: date) -> None:
    """Something is redeemed only under an agreement that is signed, of an enterprise whose qualification was verified;
    their last days count (1.9, CV-9)."""
    if terms.signed_on is None or today < terms.signed_on or (terms.until is not None and today > terms.until):
        raise FailedPrecondition("AGREEMENT_UNSIGNED", "the agreement is not signed, or it is over")
    if not terms.qualification or (terms.qualified_until is not None and today > terms.qualified_until):
        raise FailedPrecondition("QUALIFICATION_MISSING", "the qualification is not verified, or not any more")


def _contradictions(terms: AgreementTerms) -> Iterator[str]:
    if (terms.signed_on is None) is not (terms.document == ""):
        yield "a signature has its day and its paper"
    if terms.qualified_until is not None and not terms.qualification:
        yield "a qualification that ends is one that was verified"
    if terms.signed_on is not None and terms.until is not None and terms.until < terms.signed_on:
        yield "an agreement does not end before it is signed"


def _told(agreement: Agreement, fact: object) -> Decision:
    after = replace(agreement, sequence=agreement.sequence + 1, version=agreement.version + 1)
    return Decision(Done(after), changes=(after,), events=(Event(after.id, after.sequence, fact),))
