"""What a settlement is to do, fixed when it begins and stored with its run."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, NamedTuple

from services.kernel.decision import Vector
from services.kernel.shares import share_key
from services.order.domain.credit_terms import CreditTerms
from services.order.domain.lines import LineAmount, LineQuantity, LineValue
from services.order.domain.order import Order
from services.order.domain.states import Kind
from services.order.domain.tenders import Share, Shares, TenderType


class Movement(NamedTuple):
    """The money of a settlement: whose it is, by tender in the order's own order, and the coupon's part."""

    order_id: str
    customer_id: str
    merchant_id: str
    account_id: str
    card_id: str
    shares: tuple[Share, ...]
    coupon_minor: int

    def of(self, kind: TenderType) -> int:
        """The share of one tender."""
        for share in self.shares:
            if share.type is kind:
                return share.amount_minor
        return 0

    @property
    def amount_minor(self) -> int:
        """The sum of the tenders."""
        return sum([share.amount_minor for share in self.shares])

    @property
    def empty(self) -> bool:
        """Whether no book has anything to move (PR-6)."""
        return not self.coupon_minor and not any(share.amount_minor for share in self.shares)

    @property
    def in_credit_ledger(self) -> bool:
        """Whether the credit ledger takes part: everything but gift cards is in its book (SV-2)."""
        return self.coupon_minor > 0 or self.amount_minor > self.of(TenderType.GIFTCARD)

    @property
    def merchant_share(self) -> str:
        """Where the credit ledger keeps what this merchant owes for refunds of this card."""
        return share_key(self.merchant_id, self.card_id)

    def credit_vector(self) -> Vector:
        """What the credit ledger is to move, by name."""
        named = (
            ("BANKCARD", self.of(TenderType.BANKCARD)), ("COUPON", self.coupon_minor),
            ("CREDIT", self.of(TenderType.CREDIT)), ("WALLET", self.of(TenderType.WALLET)),
        )
        return tuple([entry for entry in named if entry[1]])

    def card_vector(self) -> Vector:
        """What card_redemption is to move, by name."""
        amount = self.of(TenderType.GIFTCARD)
        return (("GIFTCARD", amount),) if amount else ()


class Pins(NamedTuple):
    """What an accepted quote pins at the credit ledger, and the digest of the whole result it promised (U1)."""

    account_version: int = 0
    valid_until: datetime | None = None
    digest: str = ""


NO_PINS = Pins()


@dataclass(frozen=True, slots=True)
class PlacementPlan:
    """Reserve all tenders of a new order."""

    kind: ClassVar[Kind] = Kind.PLACEMENT
    money: Movement
    terms: CreditTerms | None = None
    payment_reference: str = ""


@dataclass(frozen=True, slots=True)
class CapturePlan:
    """Capture the tenders' share of a shipment."""

    kind: ClassVar[Kind] = Kind.CAPTURE
    money: Movement
    lines: tuple[LineValue, ...]
    waybill_number: str = ""


@dataclass(frozen=True, slots=True)
class CancellationPlan:
    """Give back what is held for units that do not ship; `expired` where the hold ran out (A14)."""

    kind: ClassVar[Kind] = Kind.CANCELLATION
    money: Movement
    lines: tuple[LineValue, ...]
    reason: str = ""
    note: str = ""
    operator_id: str = ""
    expired: bool = False
    pins: Pins = NO_PINS


@dataclass(frozen=True, slots=True)
class RefundPlan:
    """Refund shipped units, or an amount without goods. `requested` are the units that its return case had reserved;
    `coupon_basis` is what the coupon's part was computed from: its amount, the captured sum, refunded with this one,
    its part before; `awaits_network` says that the credit share is FLASH (PM-1).

    `reduced_line` is the line of which it is a price reduction (PR-8); `given_back` are the deductions that it gives
    back, of the return case `given_back_of` (PR-9).
    """

    kind: ClassVar[Kind] = Kind.REFUND
    money: Movement
    refund_id: str
    lines: tuple[LineValue, ...] = ()
    return_id: str = ""
    requested: tuple[LineQuantity, ...] = ()
    reason: str = ""
    coupon_basis: tuple[int, int, int, int] = (0, 0, 0, 0)
    pins: Pins = NO_PINS
    awaits_network: bool = False
    reduced_line: str = ""
    given_back_of: str = ""
    given_back: tuple[LineAmount, ...] = ()

    @property
    def goods_back(self) -> bool:
        """Whether units came back for it that a bank card paid for in part, which no chargeback keeps out (PM-8): now,
        or before, with deductions that are given back."""
        return bool(self.lines or self.given_back_of) and self.money.of(TenderType.BANKCARD) > 0

    @property
    def amounts(self) -> tuple[LineAmount, ...]:
        """What of it concerns a line beside the worth of units: deductions, or a price reduction."""
        if self.reduced_line:
            return (LineAmount(self.reduced_line, self.money.amount_minor),)
        return tuple(LineAmount(value.id, value.deducted_minor) for value in self.lines if value.deducted_minor)


@dataclass(frozen=True, slots=True)
class ReversalPlan:
    """Undo a refund: the same money the other way. The merchant owes `uncovered_minor` of its gift-card share (P23).
    `reduced_line` is the line whose price the refund had reduced (PR-8), `given_back_of` the return case whose
    deductions it had given back (PR-9), `return_id` the one that it had refunded."""

    kind: ClassVar[Kind] = Kind.REFUND_REVERSAL
    money: Movement
    refund_id: str
    refund_settlement_id: str
    lines: tuple[LineValue, ...] = ()
    reason: str = ""
    uncovered_minor: int = 0
    reduced_line: str = ""
    given_back_of: str = ""
    return_id: str = ""


@dataclass(frozen=True, slots=True)
class DepositReturnPlan:
    """Give the bank payment of a rejected order back (PM-5)."""

    kind: ClassVar[Kind] = Kind.DEPOSIT_RETURN
    money: Movement
    payment_reference: str


Plan = PlacementPlan | CapturePlan | CancellationPlan | RefundPlan | ReversalPlan | DepositReturnPlan


def movement(order: Order, shares: Shares, coupon_minor: int) -> Movement:
    """The money of a settlement of this order."""
    return Movement(
        order_id=order.id, customer_id=order.customer_id, merchant_id=order.merchant_id, account_id=order.account_id,
        card_id=order.card_id, shares=shares, coupon_minor=coupon_minor,
    )
