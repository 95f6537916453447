"""What is redeemed under an agreement in a year, and the alert when that comes above its threshold (1.9)."""

from dataclasses import replace

from services.card_redemption.domain.enterprise.agreement import Agreement
from services.card_redemption.domain.enterprise.batch import RevocationBatch, RevocationItem, decided
from services.card_redemption.domain.enterprise.commands import DrawAgreement
from services.card_redemption.domain.enterprise.events import (
    AgreementDrawn,
    BatchRevoked,
    RedeemedAmountAlert,
    RevocationDecided,
    RevocationRequested,
)
from services.card_redemption.domain.recycling.enterprise import crossed
from services.kernel.calendar import business_date
from services.kernel.decision import Decision, Done, Event


def drawn(agreement: Agreement, body: DrawAgreement) -> Decision:
    """One more redemption, or another face of one; its year is that of the business date of its acceptance. One of an
    earlier year, which was told late, belongs to a sum that is closed: it is told, and counted nowhere (1.9)."""
    year = business_date(body.accepted_at).year
    if year < agreement.year:
        return _told(agreement, AgreementDrawn(body.redemption_id, body.face_minor, year, total_minor=0))
    before_minor = agreement.redeemed_minor if agreement.year == year else 0
    total_minor = max(0, before_minor + body.face_minor)  # a release of before drew no edits, which may be taken back
    facts: list[object] = [AgreementDrawn(body.redemption_id, body.face_minor, year, total_minor)]
    above_minor = agreement.terms.alert_above_minor
    if crossed(before_minor, total_minor, above_minor):
        facts.append(RedeemedAmountAlert(
            customer_id=agreement.customer_id, redemption_id=body.redemption_id, year=year, total_minor=total_minor,
            above_minor=above_minor,
        ))
    return _told(replace(agreement, year=year, redeemed_minor=total_minor), *facts)


def requested(agreement: Agreement, batch: RevocationBatch) -> Decision:
    """A batch was asked for; one of which nothing is open is over at once."""
    facts: tuple[object, ...] = (RevocationRequested(batch.id, batch.items),)
    return _with_batch(agreement, batch, facts)


def reported(agreement: Agreement, batch: RevocationBatch, item: RevocationItem) -> Decision:
    """One redemption of it was decided; with the last one the whole batch is told."""
    after = decided(batch, item)
    if after is batch:
        return Decision()
    return _with_batch(agreement, after, (RevocationDecided(batch.id, item),))


def _with_batch(agreement: Agreement, batch: RevocationBatch, facts: tuple[object, ...]) -> Decision:
    if not batch.pending:
        facts = (*facts, BatchRevoked(batch.id, batch.items, batch.released_minor))
    told = _told(agreement, *facts)
    return replace(told, outcome=Done(batch), changes=(*told.changes, batch))


def _told(agreement: Agreement, *facts: object) -> Decision:
    """The agreement one version on, with these facts told in their order."""
    first = agreement.sequence + 1
    after = replace(agreement, sequence=agreement.sequence + len(facts), version=agreement.version + 1)
    events = tuple(Event(after.id, first + place, fact) for place, fact in enumerate(facts))
    return Decision(Done(after), changes=(after,), events=events)
