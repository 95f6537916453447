"""Facts about redemptions for subscribers, and the notices to card_redemption."""

from dataclasses import dataclass
from datetime import datetime

from services.credit_ledger.domain.model.leg import LegStep
from services.credit_ledger.domain.model.payout import PayoutMethod
from services.credit_ledger.domain.model.redemptions import ClaimCause, WalletCreditCause


@dataclass(frozen=True, slots=True)
class RedemptionPayoutRequested:
    """A redemption is to be paid out."""

    account_id: str
    payout_id: str
    order_id: str
    amount_minor: int
    method: PayoutMethod


@dataclass(frozen=True, slots=True)
class RedemptionPaidOut:
    """The customer has it, `rerouted` in the wallet instead of the bank (PM-3)."""

    account_id: str
    payout_id: str
    order_id: str
    amount_minor: int
    rerouted: bool = False


@dataclass(frozen=True, slots=True)
class RedemptionPayoutStopped:
    """A payout never pays (OP-2)."""

    account_id: str
    payout_id: str
    order_id: str


@dataclass(frozen=True, slots=True)
class ReceivableNetted:
    """What a customer owed us was paid out of a payout or, without one, the wallet (RD-33); below 0, it is owed
    again."""

    account_id: str
    order_id: str
    payout_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class CancelFeeCharged:
    """A cancelled redemption cost this fee; the wallet paid a part, the rest is owed (P30)."""

    account_id: str
    order_id: str
    fee_minor: int
    paid_minor: int


@dataclass(frozen=True, slots=True)
class CustomerClaimed:
    """A customer owes us of what was paid for a card (P32, P34)."""

    account_id: str
    order_id: str
    cause: ClaimCause
    amount_minor: int


@dataclass(frozen=True, slots=True)
class WalletCredited:
    """Money of a card went into the wallet."""

    account_id: str
    order_id: str
    cause: WalletCreditCause
    amount_minor: int


@dataclass(frozen=True, slots=True)
class VoucherUsePaid:
    """What a voucher was spent on is paid (P35)."""

    account_id: str
    order_id: str
    voucher_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class RemittanceReceived:
    """A recycling channel paid what it owes us; the aggregate is the channel (P29)."""

    channel: str
    reference: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class PayoutsPaused:
    """An operator holds all payouts; the aggregate is the switch."""

    operator_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class PayoutsResumed:
    """An operator lets payouts go on."""

    operator_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RedemptionPayoutSettled:
    """Notice to the card: a payout that waited, or was on its way, is paid; `rerouted` into the wallet (PM-3), `manual`
    if two people settled it."""

    order_id: str
    payout_id: str
    card_id: str
    amount_minor: int
    at: datetime
    rerouted: bool = False
    manual: bool = False


@dataclass(frozen=True, slots=True)
class RedemptionPayoutStepped:
    """Notice to the card: a leg of its payout took a step on its way, or after its end (PM-7)."""

    order_id: str
    payout_id: str
    card_id: str
    leg_id: str
    step: LegStep
    amount_minor: int
    at: datetime
    detail: str = ""
