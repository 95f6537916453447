"""What the order service asks of the participants, and what it keeps of their answers. Amounts are fen.

Each body has the name that its participant gives it. `ReverseRefund` is also what callers ask of the order
(`commands.ReverseRefund`): the one that is sent on is written with this module's name.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from services.kernel.saga import Run
from services.order.domain.credit_terms import CreditTerms
from services.order.domain.plans import NO_PINS, Movement, Pins

CREDIT_LEDGER = "credit_ledger"
CARD_REDEMPTION = "card_redemption"


@dataclass(frozen=True, slots=True)
class AuthorizeTenders:
    """Hold credit, take the wallet share, record the bank card's deposit (P2, P3)."""

    money: Movement
    terms: CreditTerms | None
    payment_reference: str


@dataclass(frozen=True, slots=True)
class ReleaseTenders:
    """Give back what is held (P5, P6)."""

    money: Movement
    expired: bool = False
    pins: Pins = NO_PINS


@dataclass(frozen=True, slots=True)
class ReturnBankDeposit:
    """Give the bank payment of a rejected order back (PM-5)."""

    money: Movement
    payment_reference: str


@dataclass(frozen=True, slots=True)
class CaptureTenders:
    """Capture a shipment's share (P4)."""

    money: Movement


@dataclass(frozen=True, slots=True)
class RefundTenders:
    """Refund these shares; `uncovered_minor` of the gift-card share is the merchant's debt (P10-P14, P18, P21, P23).
    `goods_back`: units came back, and part of what they cost was paid by bank card (PM-8)."""

    money: Movement
    refund_id: str
    pins: Pins = NO_PINS
    uncovered_minor: int = 0
    goods_back: bool = False


@dataclass(frozen=True, slots=True)
class ReverseRefund:
    """Undo a refund in the credit ledger (P24)."""

    money: Movement
    refund_id: str


@dataclass(frozen=True, slots=True)
class ClawBackFromMerchant:
    """The merchant owes, or (undone) does not owe any more, this much of a gift card's refund (P23, P24).

    It is the credit ledger's only part in an order of which it moves nothing else.
    """

    money: Movement
    amount_minor: int = 0
    undone: bool = False


@dataclass(frozen=True, slots=True)
class DepositCard:
    """Take a gift card's share (P3)."""

    money: Movement


@dataclass(frozen=True, slots=True)
class ReturnDeposit:
    """Give a gift card's deposit back (P6)."""

    money: Movement


@dataclass(frozen=True, slots=True)
class CaptureDeposit:
    """A gift card's deposit becomes the merchant's (P4)."""

    money: Movement


@dataclass(frozen=True, slots=True)
class RefundCard:
    """Refund onto a gift card (P12); `awaits_network` if the credit share waits for the flash network (P21)."""

    money: Movement
    refund_id: str
    awaits_network: bool = False


@dataclass(frozen=True, slots=True)
class ReverseCardRefund:
    """Undo a refund onto a gift card (P24)."""

    money: Movement
    refund_id: str


@dataclass(frozen=True, slots=True)
class CreditEffect:
    """The credit ledger's answer. `refund_state` is its name for how far a refund is ("" if it is none); `wire` is the
    whole answer as it came, for those who read the settlement: no rule here looks into it. `leg_id` is the bank-card
    share that goes back with a cancel ("" in what was stored before it was kept: there `wire` says it)."""

    posted_at: datetime
    refund_state: str = ""
    wire: bytes = b""
    leg_id: str = ""


@dataclass(frozen=True, slots=True)
class CardEffect:
    """card_redemption's answer; `wire` is the whole of it as it came.

    It had paid the merchant for `uncovered_minor` of a refund already.
    """

    posted_at: datetime
    wire: bytes = b""
    uncovered_minor: int = 0


def without_wire(effect: CreditEffect | CardEffect) -> CreditEffect | CardEffect:
    """What is looked into of a participant's answer for ever."""
    return replace(effect, wire=b"")


def credit_effect(run: Run) -> CreditEffect | None:
    """What the credit ledger answered, if it took part."""
    branch = run.branch(CREDIT_LEDGER)
    return branch.result if branch is not None and isinstance(branch.result, CreditEffect) else None


def uncovered_minor(run: Run) -> int:
    """What of a refund card_redemption had paid the merchant for already (P23)."""
    branch = run.branch(CARD_REDEMPTION)
    return branch.result.uncovered_minor if branch is not None and isinstance(branch.result, CardEffect) else 0


def posted_at(run: Run, now: datetime) -> datetime:
    """The posting instant: the credit ledger's, else the card's, else now."""
    for service in (CREDIT_LEDGER, CARD_REDEMPTION):
        branch = run.branch(service)
        if branch is not None and isinstance(branch.result, CreditEffect | CardEffect):
            return branch.result.posted_at
    return now
