"""A settlement with a merchant over both books (DOMAIN 3.3): what card_redemption owes, credit_ledger pays.

It is a root of its own beside the orders. Its key holds a slash, which no id of an order can; its name for callers is
its saga, the sub-account of X.CLEARING.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.kernel.decision import Vector
from services.kernel.ids import derived
from services.kernel.shares import first_share

KIND = "merchant_settlement"
"""The name of its saga."""


class MerchantSettlementState(StrEnum):
    """How far the settlement with a merchant has come."""

    SETTLING = "SETTLING"
    SETTLED = "SETTLED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class MerchantSettlement:
    """The root. `settlement_id` is its saga; `reason` says why neither book has it."""

    id: str
    merchant_id: str
    amount_minor: int
    settlement_id: str
    started_at: datetime
    state: MerchantSettlementState = MerchantSettlementState.SETTLING
    reason: str = ""
    ended_at: datetime | None = None
    version: int = 1

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True)
class SettleGiftCardShare:
    """Pay a merchant this much of what card_redemption owes it."""

    merchant_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class MerchantPlan:
    """What a settlement with a merchant is to move."""

    merchant_id: str
    gift_minor: int

    @property
    def vector(self) -> Vector:
        """The same in both books."""
        return (("GIFTCARD", self.gift_minor),)

    @property
    def share(self) -> str:
        """The merchant's first share, the root of the settlement in either book."""
        return first_share(self.merchant_id)


@dataclass(frozen=True, slots=True)
class PayGiftCardShare:
    """To credit_ledger: pay it."""

    plan: MerchantPlan


@dataclass(frozen=True, slots=True)
class ClearMerchantShare:
    """To card_redemption: give it up."""

    plan: MerchantPlan


def settlement_key(merchant_id: str, request_id: str) -> str:
    """The key of the settlement that this request begins: the same request always names the same one."""
    return f"{merchant_id}/{derived('mst', request_id.lower())}"


def can_be_key(key: str) -> bool:
    """Whether there can be a settlement of this key. It says where to look, never what is decided."""
    return "/" in key
