"""What an order is paid with, as far as this book carries it (SV-2); the gift-card share is in the card book."""

from typing import NamedTuple, Self

from services.kernel.decision import Vector
from services.kernel.errors import InvalidArgument
from services.kernel.money import AMOUNT_MAX_MINOR


class Tenders(NamedTuple):
    """Amounts by tender; `coupon_minor` is what the platform pays the merchant on top of them."""

    credit_minor: int = 0
    wallet_minor: int = 0
    bank_minor: int = 0
    coupon_minor: int = 0

    def plus(self, other: "Tenders") -> "Tenders":
        """Both together, tender by tender."""
        return Tenders(
            self.credit_minor + other.credit_minor, self.wallet_minor + other.wallet_minor,
            self.bank_minor + other.bank_minor, self.coupon_minor + other.coupon_minor,
        )

    def minus(self, other: "Tenders") -> "Tenders":
        """What is left of each tender."""
        return Tenders(
            self.credit_minor - other.credit_minor, self.wallet_minor - other.wallet_minor,
            self.bank_minor - other.bank_minor, self.coupon_minor - other.coupon_minor,
        )

    def within(self, cap: "Tenders") -> bool:
        """Whether no tender is above its cap (PR-5)."""
        return (
            self.credit_minor <= cap.credit_minor and self.wallet_minor <= cap.wallet_minor
            and self.bank_minor <= cap.bank_minor and self.coupon_minor <= cap.coupon_minor
        )

    @property
    def deposit_minor(self) -> int:
        """The part that is money at once: wallet and bank card."""
        return self.wallet_minor + self.bank_minor

    @property
    def total_minor(self) -> int:
        """All of it, the coupon included: what the merchant gets, or gives back."""
        return sum(self)

    def vector(self) -> Vector:
        """The money vector of a saga's branch: by name, sorted, no zeros."""
        named = (
            ("BANKCARD", self.bank_minor), ("COUPON", self.coupon_minor),
            ("CREDIT", self.credit_minor), ("WALLET", self.wallet_minor),
        )
        return tuple([entry for entry in named if entry[1]])

    def checked(self) -> Self:
        """Itself, if no amount is negative or above all bounds; INVALID_AMOUNT otherwise."""
        if min(self) < 0:
            raise InvalidArgument("INVALID_AMOUNT", f"a tender of {min(self)} is negative")
        if max(self) > AMOUNT_MAX_MINOR:
            raise InvalidArgument("INVALID_AMOUNT", f"a tender of {max(self)} is above {AMOUNT_MAX_MINOR}")
        return self


NOTHING = Tenders()
