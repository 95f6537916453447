"""What agreements tell: their terms, what is redeemed under them, and what became of batches."""

from dataclasses import dataclass

from services.card_redemption.domain.enterprise.agreement import AgreementTerms
from services.card_redemption.domain.enterprise.batch import RevocationItem


@dataclass(frozen=True, slots=True)
class AgreementProposed:
    """Terms wait for a second person under this number."""

    customer_id: str
    terms: AgreementTerms
    proposal: int
    proposed_by: str


@dataclass(frozen=True, slots=True)
class AgreementApproved:
    """Terms are in force; `number` counts them."""

    customer_id: str
    terms: AgreementTerms
    number: int
    proposed_by: str
    approved_by: str


@dataclass(frozen=True, slots=True)
class AgreementDrawn:
    """A redemption was accepted under it, or its face is another by so much; the total is that of the year, 0 where it
    is counted in none: a release of before did so with one of a year that was over."""

    redemption_id: str
    face_minor: int
    year: int
    total_minor: int


@dataclass(frozen=True, slots=True)
class RedeemedAmountAlert:
    """The total of a year came above the threshold of the agreement."""

    customer_id: str
    redemption_id: str
    year: int
    total_minor: int
    above_minor: int


@dataclass(frozen=True, slots=True)
class RevocationRequested:
    """A batch was asked for."""

    batch_id: str
    items: tuple[RevocationItem, ...]


@dataclass(frozen=True, slots=True)
class RevocationDecided:
    """One redemption of a batch was decided."""

    batch_id: str
    item: RevocationItem


@dataclass(frozen=True, slots=True)
class BatchRevoked:
    """All redemptions of a batch are decided."""

    batch_id: str
    items: tuple[RevocationItem, ...]
    released_minor: int
