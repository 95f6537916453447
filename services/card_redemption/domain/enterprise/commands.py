"""What operators and enterprises ask about agreements, and what roots of this service tell each other of them."""

from dataclasses import dataclass
from datetime import datetime

from services.card_redemption.domain.enterprise.agreement import AgreementTerms
from services.card_redemption.domain.enterprise.batch import RevocationItem


@dataclass(frozen=True, slots=True)
class ProposeAgreement:
    """Let these terms wait for a second person."""

    agreement_id: str
    customer_id: str
    terms: AgreementTerms
    operator_id: str


@dataclass(frozen=True, slots=True)
class ApproveAgreement:
    """Put the terms in force that wait under this number."""

    agreement_id: str
    proposal: int
    operator_id: str


@dataclass(frozen=True, slots=True)
class RevokeBatch:
    """Revoke these redemptions of an enterprise, each with its card; "" where it has no such redemption."""

    agreement_id: str
    customer_id: str
    redemptions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class DrawAgreement:
    """To the agreement, as a notice: a redemption was accepted under it, or its face is another by so much."""

    agreement_id: str
    redemption_id: str
    face_minor: int
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class RevokeRedemption:
    """To the card, as a notice: revoke a redemption of a batch, as of the instant at which that was asked for."""

    redemption_id: str
    agreement_id: str
    batch_id: str
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class ReportRevocation:
    """To the agreement, as a notice: what became of a redemption of a batch."""

    batch_id: str
    item: RevocationItem
