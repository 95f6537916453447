"""The payout of a redemption: one obligation to a customer, carried by legs to the bank or paid into the wallet (P28).

Its id is the sub-account of L.PAYOUT.TRANSIT in both books: card_redemption's credits it, this one's debits it (BK-6).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class PayoutMethod(StrEnum):
    """Where a payout goes: into the wallet, to a bank account, or to the bank payment that bought the card (OP-11)."""

    WALLET = "WALLET"
    BANK = "BANK"
    ORIGINAL = "ORIGINAL"


class PayoutState(StrEnum):
    """How far a payout is. WAITING: nothing of it is under way; SENT: a leg carries it; SETTLED and REROUTED: it is
    paid, REROUTED into the wallet instead of the bank (PM-3); STOPPED: it never pays (OP-2)."""

    WAITING = "WAITING"
    SENT = "SENT"
    SETTLED = "SETTLED"
    REROUTED = "REROUTED"
    STOPPED = "STOPPED"


PAID = (PayoutState.SETTLED, PayoutState.REROUTED)
"""The customer has it."""


@dataclass(frozen=True, slots=True)
class RedemptionPayout:
    """A payout; `instrument` is empty for the wallet. `netted_minor` of it paid what the customer owed us (RD-33),
    `attempts` counts its legs, `moved_at` is when it came into its state."""

    id: str
    account_id: str
    order_id: str
    card_id: str
    amount_minor: int
    method: PayoutMethod
    instrument: str
    requested_at: datetime
    moved_at: datetime
    state: PayoutState = PayoutState.WAITING
    netted_minor: int = 0
    attempts: int = 0
    version: int = 1

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.account_id

    @property
    def left_minor(self) -> int:
        """What of it is the customer's, once what the customer owed us is netted."""
        return self.amount_minor - self.netted_minor

    @property
    def open(self) -> bool:
        """Whether something of it is still to come."""
        return self.state in (PayoutState.WAITING, PayoutState.SENT)
