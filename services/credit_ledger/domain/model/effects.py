"""What callers are told. The results of saga commands are
`CreditEffect`s; a preview carries the one that would come."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from services.credit_ledger.domain.model.agreement import AgreementState
from services.credit_ledger.domain.model.instalment import InstalmentChange
from services.credit_ledger.domain.model.payout import PayoutState
from services.credit_ledger.domain.model.refund import RefundState
from services.credit_ledger.domain.model.tenders import Tenders

POLICY_VERSION = 1
"""The version of these rules; a quote pins it."""


class Component(StrEnum):
    """What a fen is spent on, in this order within one instalment (9.6 of the format, SD-5)."""

    LATE = "LATE"
    FEE = "FEE"
    PRINCIPAL = "PRINCIPAL"


class Use(NamedTuple):
    """Money spent on one component of one instalment, by which rule; `unbilled` for a deferral paid ahead."""

    order_id: str
    no: int
    component: Component
    amount_minor: int
    rule: str
    unbilled: bool = False


class GivenBack(NamedTuple):
    """What a LIFO surplus gave back to an instrument, by which leg."""

    instrument: str
    amount_minor: int
    leg_id: str


class Part(NamedTuple):
    """One share of a step: an instalment (or 0), the number it was weighed by, and what it got."""

    no: int
    weight: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Step:
    """One link of the explanation chain (U2): this rule made
    `amount_minor` of these inputs, shared out by these weights.

    Amount and shares can be computed again from formula, inputs and weights. Kept as columns: a refund of 24
    instalments explains 48 shares.
    """

    rule: str
    formula: str
    amount_minor: int
    inputs: tuple[int, ...] = ()
    numbers: tuple[int, ...] = ()
    weights: tuple[int, ...] = ()
    amounts: tuple[int, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """The shares as rows."""
        return tuple(map(Part, self.numbers, self.weights, self.amounts))


@dataclass(frozen=True, slots=True)
class CreditEffect:
    """What a saga command did to the account. Of a refund: `principal_refunded_minor` of unpaid principal went,
    `fee_back_minor` of paid fee came back, the surplus went to `uses`, `given_back` and `credit_balance_minor`."""

    op: str
    order_id: str
    account_id: str
    account_version: int
    posted_at: datetime
    moved: Tenders
    agreement_state: AgreementState
    available_minor: int
    refund_id: str = ""
    refund_state: RefundState | None = None
    instalments: tuple[InstalmentChange, ...] = ()
    principal_refunded_minor: int = 0
    recovered_minor: int = 0
    fee_back_minor: int = 0
    uses: tuple[Use, ...] = ()
    given_back: tuple[GivenBack, ...] = ()
    credit_balance_minor: int = 0
    limit_restored_minor: int = 0
    steps: tuple[Step, ...] = ()
    leg_id: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """The computation behind a binding quote: `effect` comes
    true if it is accepted at these versions by `valid_until`."""

    effect: CreditEffect
    account_version: int
    policy_version: int
    business_date: date
    quoted_at: datetime
    valid_until: datetime
    statement_due_before_minor: int
    statement_due_after_minor: int


@dataclass(frozen=True, slots=True)
class Repaid:
    """How a repayment was spent; the rest is credit balance."""

    repayment_id: str
    account_id: str
    account_version: int
    amount_minor: int
    uses: tuple[Use, ...]
    credit_balance_minor: int
    limit_restored_minor: int
    available_minor: int


@dataclass(frozen=True, slots=True)
class PaidOutBalance:
    """A payout of credit balance, and the leg that carries it."""

    account_id: str
    account_version: int
    amount_minor: int
    leg_id: str
    credit_balance_minor: int


@dataclass(frozen=True, slots=True)
class LateFees:
    """Late fees that were accrued or waived."""

    account_id: str
    account_version: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class MerchantSettlement:
    """A settlement with a merchant: `netted_minor` of it paid what the merchant owed us, the rest went to its bank."""

    merchant_id: str
    amount_minor: int
    netted_minor: int
    paid_minor: int
    payable_minor: int
    receivable_minor: int


@dataclass(frozen=True, slots=True)
class ChargedBack:
    """A payment that is not refundable any more; of these legs on their way the acquirer kept `kept_minor`."""

    account_id: str
    account_version: int
    order_id: str
    payment_reference: str
    leg_ids: tuple[str, ...]
    kept_minor: int


@dataclass(frozen=True, slots=True)
class PayoutEffect:
    """How far the payout of a redemption is; only STOPPED is not yet paid (OP-2)."""

    payout_id: str
    order_id: str
    account_id: str
    account_version: int
    posted_at: datetime
    state: PayoutState
    amount_minor: int
    netted_minor: int
    leg_id: str = ""


@dataclass(frozen=True, slots=True)
class CustomerEffect:
    """What a redemption changed of what a customer has and owes: of `amount_minor` the wallet paid `paid_minor` and
    `owed_minor` is owed; `netted_minor` of what was owed before the wallet paid first (RD-33)."""

    op: str
    order_id: str
    account_id: str
    account_version: int
    posted_at: datetime
    amount_minor: int
    paid_minor: int = 0
    owed_minor: int = 0
    netted_minor: int = 0


@dataclass(frozen=True, slots=True)
class RemittanceEffect:
    """What a recycling channel remitted, now and in all."""

    channel: str
    amount_minor: int
    received_minor: int
    posted_at: datetime
