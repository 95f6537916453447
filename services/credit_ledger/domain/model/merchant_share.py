"""What we owe a merchant and what the merchant owes us, spread over shares so that no row is hot (OP-3, A25)."""

from dataclasses import dataclass, field
from typing import NamedTuple

from services.kernel.chain import NONE_YET


@dataclass(frozen=True, slots=True)
class MerchantShare:
    """One share of L.MERCH.PAY{merchant} and A.MERCH.RECV{merchant}; a root, locked after the account.
    `events_head` is the head of the chain of its events, which no rule reads."""

    id: str
    merchant_id: str
    payable_minor: int = 0
    receivable_minor: int = 0
    sequence: int = 0
    version: int = 1
    events_head: bytes = field(default=NONE_YET, compare=False, repr=False)

    @property
    def key(self) -> str:
        """The name of its row, `<merchant>/<share>`."""
        return self.id

    @property
    def root(self) -> str:
        return self.id


class Net(NamedTuple):
    """What we owe a merchant, or what the merchant owes us: one of the two is 0."""

    payable_minor: int
    receivable_minor: int


def net(payable_minor: int, receivable_minor: int) -> Net:
    """What is left of the two sums over all shares of a merchant once each has paid for the other; how they are spread
    is seen and paid by nobody (OP-3)."""
    return Net(max(0, payable_minor - receivable_minor), max(0, receivable_minor - payable_minor))
