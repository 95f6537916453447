"""Facts for subscribers, on `settlement.credit_ledger.events.v1`, and the notices to the order service."""

from dataclasses import dataclass
from datetime import date, datetime

from services.credit_ledger.domain.model.account import AccountState
from services.credit_ledger.domain.model.agreement import AgreementState
from services.credit_ledger.domain.model.tenders import Tenders


@dataclass(frozen=True, slots=True)
class AccountOpened:
    """An account exists."""

    account_id: str
    customer_id: str
    limit_minor: int


@dataclass(frozen=True, slots=True)
class LimitGranted:
    """The granted limit changed."""

    account_id: str
    limit_minor: int


@dataclass(frozen=True, slots=True)
class WalletFunded:
    """Money came into the wallet."""

    account_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class AccountStateChanged:
    """An account was suspended, reactivated or closed."""

    account_id: str
    state: AccountState
    reason: str


@dataclass(frozen=True, slots=True)
class TendersAuthorized:
    """Credit is held and deposits are taken for an order."""

    account_id: str
    order_id: str
    tenders: Tenders


@dataclass(frozen=True, slots=True)
class TendersReleased:
    """A hold and its deposits were given back."""

    account_id: str
    order_id: str
    tenders: Tenders
    agreement_state: AgreementState


@dataclass(frozen=True, slots=True)
class TendersCaptured:
    """A shipment was captured; its plan runs."""

    account_id: str
    order_id: str
    tenders: Tenders


@dataclass(frozen=True, slots=True)
class RefundPosted:
    """A refund took effect on the account."""

    account_id: str
    order_id: str
    refund_id: str
    tenders: Tenders
    principal_minor: int
    credit_balance_minor: int
    agreement_state: AgreementState


@dataclass(frozen=True, slots=True)
class FlashRefundAccepted:
    """A refund waits for the flash network."""

    account_id: str
    order_id: str
    refund_id: str
    credit_minor: int


@dataclass(frozen=True, slots=True)
class RefundReversed:
    """A refund was undone."""

    account_id: str
    order_id: str
    refund_id: str


@dataclass(frozen=True, slots=True)
class RepaymentReceived:
    """The customer repaid."""

    account_id: str
    repayment_id: str
    amount_minor: int
    principal_minor: int
    credit_balance_minor: int


@dataclass(frozen=True, slots=True)
class StatementIssued:
    """A statement was cut."""

    account_id: str
    bill_date: date
    due_date: date
    amount_minor: int
    offset_minor: int


@dataclass(frozen=True, slots=True)
class LateFeesAccrued:
    """Late fees were charged through a date."""

    account_id: str
    through: date
    amount_minor: int


@dataclass(frozen=True, slots=True)
class LateFeesWaived:
    """Late fees were waived."""

    account_id: str
    amount_minor: int
    reason: str


@dataclass(frozen=True, slots=True)
class CreditBalancePaidOut:
    """Credit balance is on its way to the customer."""

    account_id: str
    amount_minor: int
    leg_id: str


@dataclass(frozen=True, slots=True)
class AgreementChargedOff:
    """Unpaid principal was written off."""

    account_id: str
    order_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class LegSettled:
    """A rail paid a leg."""

    account_id: str
    leg_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class LegRerouted:
    """An instrument was closed; its money is in the wallet (PM-3)."""

    account_id: str
    leg_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class LegFailed:
    """A leg needs a person: the rail rejected it, or did not answer in time."""

    account_id: str
    leg_id: str
    detail: str


@dataclass(frozen=True, slots=True)
class MerchantPaid:
    """A merchant was settled with; `share` is the aggregate whose sequence counts it."""

    merchant_id: str
    amount_minor: int
    paid_minor: int


@dataclass(frozen=True, slots=True)
class FlashRefundConfirmed:
    """Notice to the order: its pending refund is done. `manual` if two people did it."""

    order_id: str
    refund_id: str
    confirmed_at: datetime
    manual: bool


@dataclass(frozen=True, slots=True)
class AdjustmentPosted:
    """Two people adjusted an account for an order (P22): how
    wallet, credit balance and what the customer owes changed."""

    account_id: str
    order_id: str
    adjustment_id: str
    case_id: str
    wallet_minor: int
    credit_balance_minor: int
    receivable_minor: int


@dataclass(frozen=True, slots=True)
class FlashRefundExpired:
    """Notice to the order: the network did not confirm within 24 h (SC-5)."""

    order_id: str
    refund_id: str


@dataclass(frozen=True, slots=True)
class BankRefundSettled:
    """Notice to the order: a bank-card refund is paid; `rerouted` if into the wallet, for the card is closed (PM-3)."""

    order_id: str
    refund_id: str
    leg_id: str
    amount_minor: int
    rerouted: bool = False
