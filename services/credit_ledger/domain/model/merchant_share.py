"""What we owe a merchant and what the merchant owes us, spread over shares so that no row is hot (OP-3, A25)."""

from dataclasses import dataclass

from services.kernel.ids import partition_of

SHARES_PER_MERCHANT = 16
"""How many rows a merchant's payable is spread over; an account always uses the same one."""


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
        """Itself."""
        return self.id


def share_key(merchant_id: str, account_id: str) -> str:
    """The share that an account's orders at a merchant use."""
    return f"{merchant_id}/{partition_of(account_id, SHARES_PER_MERCHANT):02d}"


def share_keys(merchant_id: str) -> tuple[str, ...]:
    """All shares of a merchant; the first is the root of a settlement with it."""
    return tuple(f"{merchant_id}/{share:02d}" for share in range(SHARES_PER_MERCHANT))
