"""What each saga of a redemption is to do, fixed when it begins and stored with its run."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.redemption.taking_back import TakeBack
from services.kernel.decision import Vector


class Kind(StrEnum):
    """The kinds of sagas that a redemption coordinates; the value is the name of the saga."""

    SUBMISSION = "submission"
    PAID_CANCEL = "paid_cancel"
    PAYOUT = "payout"
    STOP_PAYOUT = "stop_payout"
    CLAIM = "customer_claim"
    VOUCHER_USE = "voucher_use"
    REMITTANCE = "remittance"
    ADJUSTMENT = "dispute_adjustment"


@dataclass(frozen=True, slots=True)
class Party:
    """Whose redemption it is: the key of each participant comes from here."""

    redemption_id: str
    card_id: str
    customer_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class SubmissionPlan:
    """May this customer submit a card of this face?"""

    kind: ClassVar[Kind] = Kind.SUBMISSION
    party: Party
    face_minor: int


@dataclass(frozen=True, slots=True)
class CancelPlan:
    """Charge the fee, and count the face against the day's cap; 0 for what the channel does not have."""

    kind: ClassVar[Kind] = Kind.PAID_CANCEL
    party: Party
    fee_minor: int
    capped_minor: int = 0
    cap_minor: int = 0

    @property
    def empty(self) -> bool:
        """Whether nobody has to be asked (P36)."""
        return not self.fee_minor and not self.capped_minor


@dataclass(frozen=True, slots=True)
class PayoutPlan:
    """Pay the customer."""

    kind: ClassVar[Kind] = Kind.PAYOUT
    party: Party
    payout_id: str
    amount_minor: int
    method: PayoutMethod
    instrument: str

    @property
    def vector(self) -> Vector:
        """What the credit ledger is to move."""
        return (("PAYOUT", self.amount_minor),)


@dataclass(frozen=True, slots=True)
class StopPlan:
    """Stop a payout, if nothing of it was sent; then take back what is to be taken back (OP-2)."""

    kind: ClassVar[Kind] = Kind.STOP_PAYOUT
    party: Party
    payout_id: str
    what: TakeBack


@dataclass(frozen=True, slots=True)
class ClaimPlan:
    """Claim from the customer what was paid, and take it back. Before it, so much was claimed for this redemption."""

    kind: ClassVar[Kind] = Kind.CLAIM
    party: Party
    what: TakeBack
    amount_minor: int
    claimed_before_minor: int

    @property
    def vector(self) -> Vector:
        """What the credit ledger is to move."""
        return (("RECEIVABLE", self.amount_minor),)


@dataclass(frozen=True, slots=True)
class VoucherPlan:
    """Pay for what a voucher is spent on."""

    kind: ClassVar[Kind] = Kind.VOUCHER_USE
    party: Party
    voucher_id: str
    category: str
    amount_minor: int

    @property
    def vector(self) -> Vector:
        """What the credit ledger is to move."""
        return (("VOUCHER", self.amount_minor),)


@dataclass(frozen=True, slots=True)
class RemittancePlan:
    """Take in what a recycler pays."""

    kind: ClassVar[Kind] = Kind.REMITTANCE
    party: Party
    channel: str
    reference: str
    amount_minor: int

    @property
    def vector(self) -> Vector:
        """What the credit ledger is to move."""
        return (("REMITTANCE", self.amount_minor),)


@dataclass(frozen=True, slots=True)
class AdjustmentPlan:
    """Give the customer back what a dispute granted."""

    kind: ClassVar[Kind] = Kind.ADJUSTMENT
    party: Party
    dispute_id: str
    amount_minor: int

    @property
    def vector(self) -> Vector:
        """What the credit ledger is to move."""
        return (("WALLET", self.amount_minor),)


Plan = (
    SubmissionPlan | CancelPlan | PayoutPlan | StopPlan | ClaimPlan | VoucherPlan | RemittancePlan | AdjustmentPlan
)
