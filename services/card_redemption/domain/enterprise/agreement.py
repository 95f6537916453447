"""An agreement with an enterprise: its terms, what waits for a second person, what was redeemed under it each year."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from services.card_redemption.domain.recycling.enterprise import CUTOFF_MIN

ALERT_ABOVE_MINOR = 50_000_000
"""Where an agreement names no threshold, an alert is told above 500,000.00 a year (回收金额阈值预警)."""


@dataclass(frozen=True, slots=True)
class AgreementTerms:
    """What is agreed. `signed_on` is the day of the signature, None before it; `qualification` refers to what verified
    the enterprise, "" before that. Both `until` days are good themselves; None has no end (CV-9)."""

    signed_on: date | None = None
    document: str = ""
    qualification: str = ""
    qualified_until: date | None = None
    until: date | None = None
    edit_cutoff: timedelta = CUTOFF_MIN
    annual_purchase_minor: int = 0
    alert_above_minor: int = ALERT_ABOVE_MINOR


@dataclass(frozen=True, slots=True)
class AgreementProposal:
    """Terms that wait for a second person; a later proposal has another number."""

    number: int
    terms: AgreementTerms
    proposed_by: str
    proposed_at: datetime


@dataclass(frozen=True, slots=True)
class Agreement:
    """The root of an agreement: what is in force (`number` counts it, 0: nothing yet), what waits for approval, and the
    faces of what was accepted under it in the business year `year`."""

    id: str
    customer_id: str
    number: int = 0
    terms: AgreementTerms = AgreementTerms()
    proposed_by: str = ""
    approved_by: str = ""
    since: datetime | None = None
    proposals: int = 0
    proposal: AgreementProposal | None = None
    year: int = 0
    redeemed_minor: int = 0
    sequence: int = 0
    version: int = 0
    events_head: bytes = b""

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True)
class AgreementYear:
    """The faces of what was accepted under an agreement in a business year that is over: something of a later one was
    drawn since. A process of the release before that closed it left it with version 0, and no seal."""

    id: str
    agreement_id: str
    year: int
    redeemed_minor: int = 0
    version: int = 0

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.agreement_id


def year_id(agreement_id: str, year: int) -> str:
    """The id of an agreement's year."""
    return f"{agreement_id}/{year}"


@dataclass(frozen=True, slots=True)
class AgreedTerms:
    """What is in force of an agreement when it is read, without a lock: whoever decides about a redemption under it
    reads this in his own transaction."""

    id: str
    customer_id: str
    number: int
    terms: AgreementTerms

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.id

    @property
    def version(self) -> int:
        return self.number
