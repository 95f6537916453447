"""What the credit ledger is asked to do. Every body names its account (the root); amounts are fen.

The first six come from sagas of the order service and go through TRY / CONFIRM / CANCEL / EXECUTE.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from services.credit_ledger.domain.model.account import LATE_FEE_PPM_PER_DAY, AccountState
from services.credit_ledger.domain.model.adjustment import AdjustedLine
from services.credit_ledger.domain.model.leg import Rail
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms, SurplusPolicy


@dataclass(frozen=True, slots=True)
class AuthorizeTenders:
    """Hold credit, take the wallet share, record the bank card's deposit (P2, P3)."""

    account_id: str
    order_id: str
    customer_id: str
    merchant_id: str
    tenders: Tenders
    terms: CreditTerms
    payment_reference: str = ""


class ReleaseCause(StrEnum):
    """Why a hold goes: the order was cancelled, or nobody shipped in time (A14)."""

    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class ReleaseTenders:
    """Give back what is held of these tenders (P5, P6); a part of the hold where other lines have shipped.

    A pinned `expected_account_version` (0: any) and `quote_valid_until` come from an accepted quote.
    """

    account_id: str
    order_id: str
    merchant_id: str
    tenders: Tenders
    cause: ReleaseCause = ReleaseCause.CANCELLED
    expected_account_version: int = 0
    quote_valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CaptureTenders:
    """A shipment went out: capture its tenders, start its plan (P4)."""

    account_id: str
    order_id: str
    merchant_id: str
    tenders: Tenders


@dataclass(frozen=True, slots=True)
class ReturnBankDeposit:
    """The order was rejected: the bank payment that the acquirer took for it goes back through the rail (PM-5)."""

    account_id: str
    order_id: str
    customer_id: str
    bank_minor: int
    payment_reference: str


@dataclass(frozen=True, slots=True)
class RefundTenders:
    """Refund these shares of an order (P10-P14, P18; FLASH: P21). Pins as in `ReleaseTenders`. `uncovered_gift_minor`
    of its gift-card share card_redemption had paid the merchant for already; CONFIRM knows it (P23). `goods_back`:
    units came back, which no chargeback of the payment refuses (PR-9)."""

    account_id: str
    order_id: str
    merchant_id: str
    refund_id: str
    tenders: Tenders
    expected_account_version: int = 0
    quote_valid_until: datetime | None = None
    uncovered_gift_minor: int = 0
    goods_back: bool = False


@dataclass(frozen=True, slots=True)
class ReverseRefund:
    """Undo a refund; what happened on the account since then is replayed without it (P24)."""

    account_id: str
    order_id: str
    merchant_id: str
    refund_id: str


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """Open an account with a granted limit (P1)."""

    account_id: str
    customer_id: str
    limit_minor: int = 0
    bill_day: int = 5
    due_day: int = 15
    surplus_policy: SurplusPolicy = SurplusPolicy.KEEP
    late_fee_ppm_per_day: int = LATE_FEE_PPM_PER_DAY


@dataclass(frozen=True, slots=True)
class GrantLimit:
    """Set the granted limit (P1); never below what is held and used."""

    account_id: str
    limit_minor: int


@dataclass(frozen=True, slots=True)
class FundWallet:
    """Put money into the wallet."""

    account_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class SetAccountState:
    """Suspend, reactivate or close an account."""

    account_id: str
    state: AccountState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Repay:
    """Money from the customer, by an instrument (P9)."""

    account_id: str
    amount_minor: int
    instrument: str = "BANK"


@dataclass(frozen=True, slots=True)
class PayOutCreditBalance:
    """Pay credit balance out to an instrument (P16)."""

    account_id: str
    amount_minor: int
    instrument: str = "BANK"


@dataclass(frozen=True, slots=True)
class AccrueLateFees:
    """Charge the late fee of every overdue instalment through a business date (P20)."""

    account_id: str
    through: date


@dataclass(frozen=True, slots=True)
class WaiveLateFees:
    """Waive all late fees due on the account (P20, FE-6)."""

    account_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ConfirmFlashRefund:
    """The flash network confirms the pending refund of an order (P21)."""

    account_id: str
    order_id: str


@dataclass(frozen=True, slots=True)
class AdjustRefund:
    """Complete a pending refund by hand: two people, two evidence references (P22, MA-1, MA-3)."""

    account_id: str
    order_id: str
    maker: str
    checker: str
    evidence: tuple[str, ...] = ()
    reason: str = ""
    effective_date: date | None = None
    reaches_back: bool = False


@dataclass(frozen=True, slots=True)
class PostAdjustment:
    """Two people post a balanced journal for an order (P22); `reaches_back` permits an effective date in a period whose
    statement is issued."""

    account_id: str
    order_id: str
    case_id: str
    lines: tuple[AdjustedLine, ...]
    maker: str
    checker: str
    evidence: tuple[str, ...]
    reason: str
    effective_date: date
    reaches_back: bool = False


@dataclass(frozen=True, slots=True)
class RetryLeg:
    """Ask the rail again about a leg that waits for a person, under its own id (PM-6)."""

    account_id: str
    leg_id: str
    operator_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class SettleLeg:
    """Two people paid a leg that waits for a person from the bank (MA-1 to MA-3); keyed by its order (MA-2)."""

    account_id: str
    leg_id: str
    order_id: str
    maker: str
    checker: str
    evidence: tuple[str, ...]
    reason: str
    effective_date: date | None = None
    reaches_back: bool = False


@dataclass(frozen=True, slots=True)
class CutStatement:
    """Make the cut of a bill date, if it is not made yet (SC-6)."""

    account_id: str
    bill_date: date


@dataclass(frozen=True, slots=True)
class ChargeOff:
    """Write the unpaid principal of an order's agreement off (P25)."""

    account_id: str
    order_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PreviewRefund:
    """What would this refund do now? Changes nothing (U1)."""

    refund: RefundTenders


@dataclass(frozen=True, slots=True)
class PreviewRelease:
    """What would this cancel do now? Changes nothing (U1)."""

    release: ReleaseTenders


@dataclass(frozen=True, slots=True)
class SettleMerchant:
    """Pay a merchant this much of what we owe, net of what the merchant owes us (A25); or this much of it before
    netting, if that is said. Key is `shares(merchant)[0]`."""

    merchant_id: str
    amount_minor: int
    before_netting: bool = False


@dataclass(frozen=True, slots=True)
class PayGiftCardShare:
    """Pay a merchant this much of what card_redemption owes, net of what the merchant owes us (3.3). Key as above."""

    merchant_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class ClawBackFromMerchant:
    """The merchant owes us this much of a gift card's refund, or, `undone`, no longer (P23, P24). Key is
    `share_key(merchant, card)`."""

    merchant_id: str
    order_id: str
    amount_minor: int
    undone: bool = False


class LegReport(StrEnum):
    """What a rail said about a leg; UNKNOWN is a time-out, to be asked about with the same key (PM-6); CLOSED says that
    the instrument does not exist any more (PM-3); ABSENT, that the rail never heard of a leg that was given up."""

    SENT = "SENT"
    UNKNOWN = "UNKNOWN"
    ACCEPTED = "ACCEPTED"
    SETTLED = "SETTLED"
    REJECTED = "REJECTED"
    CLOSED = "CLOSED"
    ABSENT = "ABSENT"


@dataclass(frozen=True, slots=True)
class ReportLeg:
    """A rail's report about a leg."""

    account_id: str
    leg_id: str
    report: LegReport
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RerouteLeg:
    """The instrument of a leg is closed: its money goes to the wallet instead, openly (PM-3)."""

    account_id: str
    leg_id: str


@dataclass(frozen=True, slots=True)
class RecordChargeback:
    """The acquirer's notice that a card holder charged a payment back (PM-8)."""

    account_id: str
    order_id: str
    payment_reference: str
    notice_id: str
    amount_minor: int
    reason: str = ""


class LegCorrection(StrEnum):
    """Why a leg is booked against what we had decided: the rail paid it anyway, a payment of it bounced, or an earlier
    payment counts for it (PM-7)."""

    PAID_ANYWAY = "PAID_ANYWAY"
    BOUNCED = "BOUNCED"
    COUNTED = "COUNTED"


@dataclass(frozen=True, slots=True)
class CorrectLeg:
    """What the rail did moves what the customer owes, and the wallet, by these amounts (PM-7)."""

    account_id: str
    leg_id: str
    order_id: str
    rail: Rail
    correction: LegCorrection
    receivable_minor: int
    wallet_minor: int
