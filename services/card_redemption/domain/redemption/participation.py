"""What a redemption asks of the participants of its sagas, and what it keeps of their answers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.card_redemption.domain.redemption.plans import (
    AdjustmentPlan,
    CancelPlan,
    ClaimPlan,
    PayoutPlan,
    RemittancePlan,
    StopPlan,
    SubmissionPlan,
    VoucherPlan,
)

CREDIT_LEDGER = "credit_ledger"
CARD_REDEMPTION = "card_redemption"


@dataclass(frozen=True, slots=True)
class AdmitRedemption:
    """To the redeemer: may he submit this card?"""

    plan: SubmissionPlan


@dataclass(frozen=True, slots=True)
class CountCancellation:
    """To the redeemer: one more paid cancellation today."""

    plan: CancelPlan


@dataclass(frozen=True, slots=True)
class CountCompletion:
    """To the redeemer, as a notice: a redemption of his is complete."""

    customer_id: str
    redemption_id: str


@dataclass(frozen=True, slots=True)
class RestrictRedeemer:
    """To the redeemer, as a notice: a card of his had been spent, and he redeems nothing until a person looks at it."""

    customer_id: str
    redemption_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChargeCancelFee:
    """To the credit ledger: charge the fee (P30)."""

    plan: CancelPlan


@dataclass(frozen=True, slots=True)
class PayRedemption:
    """To the credit ledger: pay (P28)."""

    plan: PayoutPlan


@dataclass(frozen=True, slots=True)
class StopRedemptionPayout:
    """To the credit ledger: stop a payout (OP-2)."""

    plan: StopPlan


@dataclass(frozen=True, slots=True)
class ClaimFromCustomer:
    """To the credit ledger: the customer owes it (P32, P34)."""

    plan: ClaimPlan


@dataclass(frozen=True, slots=True)
class PayVoucherUse:
    """To the credit ledger: pay for a voucher's use (P35)."""

    plan: VoucherPlan


@dataclass(frozen=True, slots=True)
class LiftRestriction:
    """To the redeemer, as a notice: a case found that he may redeem again, as far as this redemption goes (RD-25)."""

    customer_id: str
    redemption_id: str


@dataclass(frozen=True, slots=True)
class CreditAdjustment:
    """To the credit ledger: what a dispute granted goes into the wallet (P22)."""

    plan: AdjustmentPlan


@dataclass(frozen=True, slots=True)
class ReceiveRemittance:
    """To the credit ledger: take in what a recycler pays (P29)."""

    plan: RemittancePlan


class LedgerPayout(StrEnum):
    """How far a payout is, as the credit ledger says."""

    WAITING = "WAITING"
    SENT = "SENT"
    SETTLED = "SETTLED"
    REROUTED = "REROUTED"
    STOPPED = "STOPPED"

    @property
    def paid(self) -> bool:
        """Whether the customer has it."""
        return self in (LedgerPayout.SETTLED, LedgerPayout.REROUTED)


@dataclass(frozen=True, slots=True)
class PayoutAnswer:
    """What the credit ledger answered about a payout."""

    posted_at: datetime
    state: LedgerPayout


@dataclass(frozen=True, slots=True)
class CustomerAnswer:
    """What the credit ledger answered about a fee, a claim or a voucher."""

    posted_at: datetime
    paid_minor: int = 0
    owed_minor: int = 0


@dataclass(frozen=True, slots=True)
class RemittanceAnswer:
    """What the credit ledger answered about a remittance."""

    posted_at: datetime


@dataclass(frozen=True, slots=True)
class PayoutSettled:
    """A notice of the credit ledger: a payout is paid; `rerouted`: into the wallet (PM-3)."""

    redemption_id: str
    payout_id: str
    rerouted: bool


@dataclass(frozen=True, slots=True)
class PayoutNews:
    """A notice of the credit ledger: a payout took a step on its way; `refused`: the bank refused an attempt, and
    another one follows (PM-7)."""

    redemption_id: str
    payout_id: str
    refused: bool
    detail: str
