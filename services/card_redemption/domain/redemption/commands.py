"""What callers ask of a redemption. Amounts are fen."""

from dataclasses import dataclass, field
from datetime import datetime

from services.card_redemption.domain.quotes.token import QuoteContent
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import Asker
from services.card_redemption.domain.redemption.drafts import Draft


@dataclass(frozen=True, slots=True)
class PrepareRedemption:
    """What a submission would come to; `key` signs the draft, and `wrong_before` codes of its caller were wrong. With a
    quote it comes to exactly that. `purchase` is the payment that bought the card, if the card is his; `his_of_ours`
    says that it is his, and of our issue, `looks_right` whether its codes could be such of its issuer."""

    draft: Draft
    method: PayoutMethod | None
    wrong_before: int
    key: bytes = field(repr=False)
    quote: QuoteContent | None = None
    purchase: str = ""
    his_of_ours: bool = False
    looks_right: bool = True


@dataclass(frozen=True, slots=True)
class ConfirmRedemption:
    """Submit what was prepared. `provider_up` says whether whoever verifies it answers at all (RD-4), `wrong_before`
    how many codes of its customer were wrong of late: a draft may be older than they are."""

    draft: Draft
    provider_up: bool = True
    wrong_before: int = 0


@dataclass(frozen=True, slots=True)
class RequestCancel:
    """Take it back: the customer, or a support operator with evidence (RD-30)."""

    redemption_id: str
    customer_id: str
    asker: Asker
    operator_id: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DecideCancelReview:
    """The reviewer's word."""

    redemption_id: str
    approved: bool
    operator_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class InterceptRedemption:
    """Stop it before it settles, with a screen recording: no right of the customer (RD-30)."""

    redemption_id: str
    operator_id: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AdvanceRedemption:
    """Let a redemption that waits for an operator take its next step; a payout goes another way, if that is said."""

    redemption_id: str
    operator_id: str
    method: PayoutMethod | None = None
    instrument: str = ""


@dataclass(frozen=True, slots=True)
class ReportFraud:
    """The card was stolen (RD-22)."""

    redemption_id: str
    reporter: str


@dataclass(frozen=True, slots=True)
class DecideFraud:
    """Whether it was, with the case of the police."""

    redemption_id: str
    confirmed: bool
    police_case: str
    operator_id: str


@dataclass(frozen=True, slots=True)
class CorrectFace:
    """The card's face is another than it was paid for (RD-21)."""

    redemption_id: str
    actual_minor: int
    operator_id: str


@dataclass(frozen=True, slots=True)
class AcceptPlatformFault:
    """It never should have been (RD-33)."""

    redemption_id: str
    supervisor_id: str


@dataclass(frozen=True, slots=True)
class MeetEscrowCondition:
    """The condition of the escrow is met."""

    redemption_id: str
    operator_id: str


@dataclass(frozen=True, slots=True)
class IssueVoucher:
    """Console the customer of a redemption that nobody could cancel (RD-28)."""

    redemption_id: str
    customer_id: str


@dataclass(frozen=True, slots=True)
class UseVoucher:
    """Spend it."""

    redemption_id: str
    customer_id: str
    category: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class RecordChannelFee:
    """The recycler keeps a fee (P29)."""

    redemption_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class RecordRemittance:
    """The recycler pays (P29)."""

    redemption_id: str
    amount_minor: int
    reference: str


@dataclass(frozen=True, slots=True)
class EditSchedule:
    """Change a scheduled redemption, while that is allowed; None and "" leave what is (A18)."""

    redemption_id: str
    customer_id: str
    scheduled_at: datetime | None
    declared_minor: int | None
    method: PayoutMethod | None
    instrument: str
