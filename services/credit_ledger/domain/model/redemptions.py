"""What sagas of card_redemption ask of the credit ledger, and what decisions about it log. Amounts are fen.

All but `ReceiveRemittance` name a customer's account. One that a customer without a credit account gets is opened with
the first of them (OP-6). An `order_id` is a redemption order's, or that of a card that is closed.
"""

from dataclasses import dataclass
from enum import StrEnum

from services.credit_ledger.domain.model.payout import PayoutMethod


@dataclass(frozen=True, slots=True)
class PayRedemption:
    """Pay a redemption out: what the customer owes us is netted first (RD-33), the rest goes into the wallet or to the
    bank (P28). `card_id` is the key of the notices about it."""

    account_id: str
    customer_id: str
    order_id: str
    card_id: str
    payout_id: str
    amount_minor: int
    method: PayoutMethod
    instrument: str = ""


@dataclass(frozen=True, slots=True)
class StopRedemptionPayout:
    """Stop a payout, if nothing of it is under way (OP-2)."""

    account_id: str
    customer_id: str
    order_id: str
    payout_id: str


@dataclass(frozen=True, slots=True)
class ChargeCancelFee:
    """Charge the fee of a cancelled redemption to the wallet; what that lacks is owed (P30)."""

    account_id: str
    customer_id: str
    order_id: str
    fee_minor: int


class ClaimCause(StrEnum):
    """Why a customer owes us what was paid for a card: a wrong face, the platform's fault, or a fraud whose payout
    could not be stopped any more (P32, P34, OP-8)."""

    FACE_CLAWBACK = "FACE_CLAWBACK"
    FAULT_REVERSAL = "FAULT_REVERSAL"
    FRAUD_CLOSE = "FRAUD_CLOSE"


@dataclass(frozen=True, slots=True)
class ClaimFromCustomer:
    """The customer owes us of what was paid; the card's book has the other leg (3.3). `claimed_before_minor` was
    claimed for the same order before."""

    account_id: str
    customer_id: str
    order_id: str
    cause: ClaimCause
    amount_minor: int
    claimed_before_minor: int = 0


class WalletCreditCause(StrEnum):
    """Why money of a card goes into the wallet: the card was closed with value left, or is closed when a refund or a
    deposit comes back to it (OP-10, PM-3); or a dispute about its redemption granted it (P22)."""

    CARD_CLOSE = "CARD_CLOSE"
    REFUND = "REFUND"
    DEPOSIT_RETURN = "DEPOSIT_RETURN"
    MANUAL_ADJUST = "MANUAL_ADJUST"


@dataclass(frozen=True, slots=True)
class CreditWallet:
    """Money of a card goes into the wallet, over X.CLEARING (3.3)."""

    account_id: str
    customer_id: str
    order_id: str
    cause: WalletCreditCause
    amount_minor: int


@dataclass(frozen=True, slots=True)
class PayVoucherUse:
    """Pay from the bank for what a voucher was spent on (P35)."""

    account_id: str
    customer_id: str
    order_id: str
    voucher_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class ReceiveRemittance:
    """A recycling channel remitted this much of what it owes card_redemption (P29). Key is the channel."""

    channel: str
    reference: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class NetReceivable:
    """So much of what the customer owed us the wallet paid (RD-33); below 0, a payout that had paid it was stopped, and
    it is owed again. No message brings it."""

    account_id: str
    order_id: str
    payout_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class DisbursePayout:
    """A payout goes out: `netted_minor` of it pays what the customer owed us, `amount_minor` goes to the bank by this
    leg or, without one, into the wallet. No message brings it."""

    account_id: str
    order_id: str
    payout_id: str
    leg_id: str
    instrument: str
    netted_minor: int
    amount_minor: int
