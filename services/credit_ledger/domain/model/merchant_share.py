"""What we owe a merchant and what the merchant owes us, spread over shares so that no row is hot (OP-3, A25)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MerchantShare:
    """One share of L.MERCH.PAY{merchant} and A.MERCH.RECV{merchant}; a root, locked after the account."""

    id: str
    merchant_id: str
    payable_minor: int = 0
    receivable_minor: int = 0
    sequence: int = 0
    version: int = 1

    @property
    def key(self) -> str:
        """`<merchant>/<share>`."""
        return self.id

    @property
    def root(self) -> str:
        return self.id
