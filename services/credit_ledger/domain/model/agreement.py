"""An order's tenders in this book: the hold before shipment, the credit plans after it (DOMAIN 2.3, 2.4).

Key is the order id, root the account. Each shipment captures a part of the hold and starts a plan of its own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.credit_ledger.domain.model.instalment import Instalment
from services.credit_ledger.domain.model.tenders import NOTHING, Tenders
from services.credit_ledger.domain.model.terms import CreditTerms


class AgreementState(StrEnum):
    """DRAFT holds, EFFECTIVE owes; REVOKED (撤销) and SETTLED_EARLY (提前结清) are different ends (CR-9)."""

    DRAFT = "DRAFT"
    EFFECTIVE = "EFFECTIVE"
    REVOKED = "REVOKED"
    PAID_OFF = "PAID_OFF"
    SETTLED_EARLY = "SETTLED_EARLY"
    CHARGED_OFF = "CHARGED_OFF"


class HoldState(StrEnum):
    """How far a hold is resolved; every fen of it resolves once."""

    PENDING = "PENDING"
    PARTIALLY_CAPTURED = "PARTIALLY_CAPTURED"
    CAPTURED = "CAPTURED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Hold:
    """What was authorized, and what became of it. At `expires_at` it still holds, after it it does not."""

    authorized: Tenders
    authorized_at: datetime
    expires_at: datetime
    captured: Tenders = NOTHING
    released: Tenders = NOTHING
    expired: bool = False

    @property
    def remaining(self) -> Tenders:
        """What is neither captured nor released."""
        left = self.authorized.minus(self.captured)
        return left.minus(self.released) if self.released != NOTHING else left

    @property
    def state(self) -> HoldState:
        """Its state, from its amounts."""
        if any(self.remaining):
            return HoldState.PARTIALLY_CAPTURED if any(self.captured) else HoldState.PENDING
        if any(self.released) or not any(self.authorized):
            return HoldState.EXPIRED if self.expired else HoldState.RELEASED
        return HoldState.CAPTURED


@dataclass(frozen=True, slots=True)
class Plan:
    """The schedule of one shipment. `shipment` counts the captures of the account.

    `refunded_minor` is the credit refunded of it (ΣR, paid principal included) and `weighted_minor` is Σ R_i x e_i,
    the two sums of FE-2 and FE-4.
    """

    shipment: int
    captured_at: datetime
    principal_minor: int
    flat_fee_minor: int
    instalments: tuple[Instalment, ...]
    refunded_minor: int = 0
    weighted_minor: int = 0


@dataclass(frozen=True, slots=True)
class Agreement:
    """One order's tenders, hold and plans; `refunded` counts accepted refunds, also those the network has not
    confirmed.

    Since `charged_back_at` its bank payment is not refundable (PM-8).
    """

    order_id: str
    account_id: str
    customer_id: str
    merchant_id: str
    terms: CreditTerms
    hold: Hold
    state: AgreementState = AgreementState.DRAFT
    refunded: Tenders = NOTHING
    payment_reference: str = ""
    plans: tuple[Plan, ...] = ()
    written_off_minor: int = 0
    version: int = 1
    charged_back_at: datetime | None = None

    @property
    def key(self) -> str:
        return self.order_id

    @property
    def root(self) -> str:
        return self.account_id

    @property
    def refundable(self) -> Tenders:
        """What is captured and not refunded (PR-5)."""
        return self.hold.captured.minus(self.refunded)

    @property
    def instalments(self) -> Iterator[Instalment]:
        """All instalments, plan by plan."""
        return (instalment for plan in self.plans for instalment in plan.instalments)

    @property
    def open(self) -> bool:
        """Whether cuts, repayments or accruals may still find something here."""
        for plan in self.plans:
            for instalment in plan.instalments:
                if instalment.live:
                    return True
        return False


def due_total(agreements: Iterable[Agreement]) -> int:
    """All that is billed and unpaid: principal, fee and late fee (SD-4)."""
    return sum([
        item.due_minor for agreement in agreements for plan in agreement.plans for item in plan.instalments
        if item.billed
    ])


def fees_total(agreements: Iterable[Agreement]) -> int:
    """All fees and late fees that are owed, billed or not."""
    return sum(
        item.fee_minor - item.fee_paid_minor + item.late_minor
        for agreement in agreements for item in agreement.instalments
    )


def concluded(agreement: Agreement) -> AgreementState:
    """The state of an agreement whose dues may just have been met: PAID_OFF when nothing can come any more (A23)."""
    if agreement.state is not AgreementState.EFFECTIVE or agreement.open or not agreement.plans:
        return agreement.state
    return agreement.state if any(agreement.hold.remaining) else AgreementState.PAID_OFF
