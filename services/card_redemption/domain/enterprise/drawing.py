"""What is redeemed under an agreement in a year, and the alert when that comes above its threshold (1.9)."""

from collections.abc import Iterator
from dataclasses import replace

from services.card_redemption.domain.enterprise.agreement import Agreement, AgreementYear, year_id
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


def closed_year(agreement: Agreement, body: DrawAgreement) -> int:
    """The closed year whose sum this changes: its own if a later one has begun, the present one if this begins another;
    0 where only the present one is changed."""
    year = business_date(body.accepted_at).year
    return 0 if year == agreement.year else min(year, agreement.year)


def drawn(agreement: Agreement, body: DrawAgreement, closed: AgreementYear | None = None) -> Decision:
    """One more redemption, or another face of one; its year is that of the business date of its acceptance, also where
    it is told after one of a later year (1.9). `closed` is the row of the `closed_year`, if there is one."""
    year = business_date(body.accepted_at).year
    if year < agreement.year:
        return _drawn_late(agreement, body, closed or _opened(agreement, year))
    before_minor = agreement.redeemed_minor if agreement.year == year else 0
    total_minor = max(0, before_minor + body.face_minor)  # a release of before drew no edits, which may be taken back
    after = replace(agreement, year=year, redeemed_minor=total_minor)
    told = _told(after, *_facts(after, body, year, (before_minor, total_minor)))
    if not closed_year(agreement, body):
        return told
    return _with_year(told, closed or _opened(agreement, agreement.year), agreement.redeemed_minor)


def uncounted(agreement: Agreement, body: DrawAgreement) -> Decision:
    """It is told, with no total, and changes no sum: as a release of before told what was of a closed year, and as what
    corrects such a one is told."""
    year = business_date(body.accepted_at).year
    return _told(agreement, AgreementDrawn(body.redemption_id, body.face_minor, year, total_minor=0))


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


def _drawn_late(agreement: Agreement, body: DrawAgreement, closed: AgreementYear) -> Decision:
    total_minor = closed.redeemed_minor + body.face_minor
    if total_minor <= 0:  # of a redemption that is counted its whole face is; this one's was not
        return uncounted(agreement, body)
    told = _told(agreement, *_facts(agreement, body, closed.year, (closed.redeemed_minor, total_minor)))
    return _with_year(told, closed, total_minor)


def _opened(agreement: Agreement, year: int) -> AgreementYear:
    return AgreementYear(year_id(agreement.id, year), agreement.id, year)


def _facts(agreement: Agreement, body: DrawAgreement, year: int, moved: tuple[int, int]) -> Iterator[object]:
    """The total of a year `moved` from one amount to another: it is told, and when it came above the threshold."""
    before_minor, total_minor = moved
    yield AgreementDrawn(body.redemption_id, body.face_minor, year, total_minor)
    above_minor = agreement.terms.alert_above_minor
    if crossed(before_minor, total_minor, above_minor):
        yield RedeemedAmountAlert(
            customer_id=agreement.customer_id, redemption_id=body.redemption_id, year=year, total_minor=total_minor,
            above_minor=above_minor,
        )


def _with_year(told: Decision, closed: AgreementYear, total_minor: int) -> Decision:
    after = replace(closed, redeemed_minor=total_minor, version=closed.version + 1)
    return replace(told, changes=(*told.changes, after))


def _told(agreement: Agreement, *facts: object) -> Decision:
    """The agreement one version on, with these facts told in their order."""
    first = agreement.sequence + 1
    after = replace(agreement, sequence=agreement.sequence + len(facts), version=agreement.version + 1)
    events = tuple(Event(after.id, first + place, fact) for place, fact in enumerate(facts))
    return Decision(Done(after), changes=(after,), events=events)
