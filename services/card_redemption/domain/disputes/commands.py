"""What callers ask about a case. Amounts are fen; `actor` and `channel` go on the permanent record (RD-31)."""

from dataclasses import dataclass

from services.card_redemption.domain.disputes.appealing import Asked
from services.card_redemption.domain.disputes.case import Verdict
from services.card_redemption.domain.disputes.evidence import EvidenceKind
from services.card_redemption.domain.record.attempt import EntryChannel


@dataclass(frozen=True, slots=True)
class OpenDispute:
    """Open a case: its customer, or an operator for him. Its papers have no instant yet."""

    redemption_id: str
    customer_id: str
    asked: Asked
    vip: int
    claimed_minor: int
    actor: str
    channel: EntryChannel


@dataclass(frozen=True, slots=True)
class DecideException:
    """A supervisor lets an exception in, or turns it away (RD-29)."""

    dispute_id: str
    admitted: bool
    reason: str
    actor: str
    channel: EntryChannel = EntryChannel.SUPPORT


@dataclass(frozen=True, slots=True)
class TriageDispute:
    """An operator takes it on; with the customer's VIP level, if that is known by now."""

    dispute_id: str
    vip: int
    actor: str
    channel: EntryChannel = EntryChannel.SUPPORT


@dataclass(frozen=True, slots=True)
class SubmitEvidence:
    """One more paper, from its customer (who is named) or from an operator."""

    dispute_id: str
    customer_id: str
    kind: EvidenceKind
    reference: str
    actor: str
    channel: EntryChannel


@dataclass(frozen=True, slots=True)
class FreezeForDispute:
    """Whoever handles a code that was submitted twice stops its redemption until that is decided (RD-20)."""

    dispute_id: str
    actor: str
    channel: EntryChannel = EntryChannel.SUPPORT


@dataclass(frozen=True, slots=True)
class DecideDispute:
    """A supervisor's word; with what is granted, where a part is (None: as much as the verdict says), and the case of
    the police, of a fraud."""

    dispute_id: str
    verdict: Verdict
    granted_minor: int | None
    police_case: str
    reason: str
    actor: str
    channel: EntryChannel = EntryChannel.SUPPORT


@dataclass(frozen=True, slots=True)
class EscalateDispute:
    """The customer complained at 12315 about a rejection: it is decided again, by another."""

    dispute_id: str
    complaint: str
    actor: str
    channel: EntryChannel = EntryChannel.SUPPORT
