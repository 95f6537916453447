"""One payment to the outside world: a bank-card refund or a payout. Its id is its idempotency key (PM-6).

PENDING -> SENT -> ACCEPTED -> SETTLED; a time-out makes it UNKNOWN, and UNKNOWN is asked about, never sent anew. What
we decide about its money is one thing, what the rail says another: the rail has the last word (PM-7).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Rail(StrEnum):
    """Which network carries a leg: the bank-card acquirer, or a bank payout to a repayment instrument."""

    CARD = "CARD"
    PAYOUT = "PAYOUT"


class LegState(StrEnum):
    """How far a leg is. SETTLED, RECALLED and REROUTED are its ends; EXCEPTION waits for a person, WAITING for the
    rail's word on an earlier leg of the same payment."""

    PENDING = "PENDING"
    SENT = "SENT"
    UNKNOWN = "UNKNOWN"
    ACCEPTED = "ACCEPTED"
    SETTLED = "SETTLED"
    EXCEPTION = "EXCEPTION"
    RECALLED = "RECALLED"
    REROUTED = "REROUTED"
    WAITING = "WAITING"


class RailWord(StrEnum):
    """What the rail has said last about a leg. PAID and REFUSED are for good; a payment can still bounce: then it is
    REFUSED."""

    SILENT = "SILENT"
    ACCEPTED = "ACCEPTED"
    PAID = "PAID"
    REFUSED = "REFUSED"


class LegEnd(StrEnum):
    """What we did with the money of a leg without the rail: nothing yet, into the wallet, paid from the bank by hand,
    left with the acquirer that kept it, or given to another leg of the same payout (PM-3, MA-3, PM-8)."""

    NONE = ""
    REROUTED = "REROUTED"
    BY_HAND = "BY_HAND"
    KEPT = "KEPT"
    REPLACED = "REPLACED"


class LegStep(StrEnum):
    """What happened to a leg, as its order is told. PAID_ANYWAY: the rail paid what had ended otherwise, so the
    customer owes it, and CAME_BACK: not any more, for it bounced; COUNTED: a payment of an earlier leg that was taken
    back counts for this one (PM-7). REFUSED: the bank refused the payout of a redemption, and another leg tries it
    again."""

    WAITING = "WAITING"
    ACCEPTED = "ACCEPTED"
    UNKNOWN = "UNKNOWN"
    EXCEPTION = "EXCEPTION"
    RECALLED = "RECALLED"
    BOUNCED = "BOUNCED"
    PAID_ANYWAY = "PAID_ANYWAY"
    COUNTED = "COUNTED"
    KEPT = "KEPT"
    CAME_BACK = "CAME_BACK"
    REFUSED = "REFUSED"


OVER = (LegState.SETTLED, LegState.RECALLED, LegState.REROUTED)
"""The ends of a leg: its money is no longer on its way."""


@dataclass(frozen=True, slots=True)
class RefundLeg:
    """A leg with its attempts; `reference` is the acquirer's payment reference or the instrument.

    `moved_at` is when it came into its state, `reversed` says that its refund was taken back. For `counted_minor` of it
    the payment of an earlier leg counts, so that much was never sent; `used_minor` of its own payment counts for later
    legs. `payout_id` is the payout of a redemption that it carries.
    """

    id: str
    account_id: str
    order_id: str
    refund_id: str
    rail: Rail
    reference: str
    amount_minor: int
    created_at: datetime
    state: LegState = LegState.PENDING
    attempts: int = 0
    detail: str = ""
    updated_at: datetime | None = None
    version: int = 1
    word: RailWord = RailWord.SILENT
    end: LegEnd = LegEnd.NONE
    moved_at: datetime | None = None
    reversed: bool = False
    counted_minor: int = 0
    used_minor: int = 0
    payout_id: str = ""

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.account_id

    @property
    def since(self) -> datetime:
        """When it came into its state."""
        return self.moved_at or self.created_at

    @property
    def sent_minor(self) -> int:
        """What the rail is to pay."""
        return self.amount_minor - self.counted_minor

    @property
    def in_transit(self) -> bool:
        """Whether its money is on its way."""
        return self.state not in OVER and self.end is LegEnd.NONE

    @property
    def given_up(self) -> bool:
        """Whether it ended, or waits for a person, without the rail: it is asked about, and never sent again."""
        return self.end is not LegEnd.NONE or self.state in (LegState.RECALLED, LegState.EXCEPTION)

    @property
    def final(self) -> bool:
        """Whether the rail has said for good that it paid, or that it did not and will not."""
        return self.word in (RailWord.PAID, RailWord.REFUSED)

    @property
    def weight_minor(self) -> int:
        """What the rail paid for it, or may yet pay, or the acquirer kept, that no standing refund accounts for."""
        if not self.reversed:
            return 0
        paid = 0 if self.word is RailWord.REFUSED else self.sent_minor
        kept = self.sent_minor if self.end is LegEnd.KEPT else 0
        return paid + kept + self.counted_minor - self.used_minor

    @property
    def open(self) -> bool:
        """Whether a later refund or a chargeback of the same payment has to look at it (PM-7, PM-8)."""
        return self.in_transit or self.weight_minor > 0


@dataclass(frozen=True, slots=True)
class SendLeg:
    """An action: ask the rail to pay this leg, after the commit; its answer comes back as `ReportLeg`."""

    leg_id: str
    account_id: str
    rail: Rail
    reference: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class QueryLeg:
    """An action: ask the rail what became of this leg. What it never received is sent again under the same key, unless
    the leg was given up or its rail is stopped (`only_ask`)."""

    leg: SendLeg
    only_ask: bool = False
