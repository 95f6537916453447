"""An acquirer's payment reference: no two orders are paid by one payment (OP-4)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaymentReference:
    """An acquirer's payment reference and the order that claimed it (OP-4: one order each); a root of its own."""

    id: str
    order_id: str
    version: int = 1

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.id
