"""Whose story it is."""

from dataclasses import dataclass
from uuid import uuid4


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer's ids: its own, its credit account's, its gift card's."""

    customer_id: str
    account_id: str
    card_id: str

    @classmethod
    def new(cls) -> "Customer":
        """Somebody whom no engine knows yet."""
        return cls(f"cus_{uuid4().hex}", f"acc_{uuid4().hex}", f"crd_{uuid4().hex}")
