"""The terms of a recycling channel (回收渠道), as data: a new channel is one more of these (DOMAIN 1.9)."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from services.kernel.money import PPM, of_rate

STRICT_RATE_PPM = 950_000
"""From this rate on (95折), included, a channel lets nobody cancel (RD-10)."""


class Kind(StrEnum):
    """Who pays for the card."""

    SELF = "SELF"
    """We do, for a card of ours: its value leaves L.GIFTCARD (自营)."""
    THIRD_PARTY = "THIRD_PARTY"
    """A recycler does, who owes us A.CH.RECYCLER (第三方平台)."""


@dataclass(frozen=True, slots=True)
class CancelFee:
    """What a cancellation costs: an amount per order, and a share of the face in ppm, rounded half up (CV-2)."""

    flat_minor: int = 0
    share_ppm: int = 0

    def of(self, face_minor: int) -> int:
        """The fee in fen for a card of this face."""
        return self.flat_minor + of_rate(face_minor, self.share_ppm)


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """One channel. `window` is None where nobody may ever cancel; `only_unverified` closes it when the verification
    starts, `reviewed` has a person decide within it, and `by_support` lets only support ask (RD-30)."""

    channel: str
    kind: Kind
    rate_ppm: int
    window: timedelta | None = None
    fee: CancelFee = CancelFee()
    only_unverified: bool = False
    reviewed: bool = False
    by_support: bool = False
    commission_ppm: int = 0

    @property
    def guarded(self) -> bool:
        """Whether it may be offered so: one that pays 95 % or more has no window (RD-10)."""
        return self.window is None or self.rate_ppm < STRICT_RATE_PPM

    def payout_minor(self, face_minor: int) -> int:
        """What the customer is paid for a face: the fraction of a fen stays with us (CV-3)."""
        return face_minor * self.rate_ppm // PPM

    def spread_minor(self, face_minor: int) -> int:
        """What is ours of a face that we pay for ourselves."""
        return face_minor - self.payout_minor(face_minor)

    def commission_minor(self, face_minor: int) -> int:
        """What a recycler owes us above the payout."""
        return face_minor * self.commission_ppm // PPM
