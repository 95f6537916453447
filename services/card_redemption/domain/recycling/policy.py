"""The terms of a recycling channel (回收渠道), as data: a new channel is one more of these (DOMAIN 1.9)."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.kernel.errors import FailedPrecondition
from services.kernel.money import AMOUNT_MAX_MINOR, PPM, of_rate

STRICT_RATE_PPM = 950_000
"""From this rate on (95折), included, a channel lets nobody cancel (RD-10)."""

ALL_PAYOUTS = (PayoutMethod.JD_BALANCE, PayoutMethod.BANK_CARD, PayoutMethod.ORIGINAL)
"""Every way to be paid, the wallet preferred."""


class Kind(StrEnum):
    """Who pays for the card."""

    SELF = "SELF"
    """We do, for a card of ours: its value leaves L.GIFTCARD (自营)."""
    THIRD_PARTY = "THIRD_PARTY"
    """A recycler does, who owes us A.CH.RECYCLER (第三方平台)."""


class Settlement(StrEnum):
    """When a verified order settles. How each behaves is a file of `channels`."""

    INSTANT = "INSTANT"
    """With its verification (即时打款)."""
    NEXT_WORKING_DAY = "NEXT_WORKING_DAY"
    """On the first working day after it was accepted (T+1, A21)."""
    SCHEDULED = "SCHEDULED"
    """At the instant for which an enterprise scheduled it (预约回收)."""
    ON_CONDITION = "ON_CONDITION"
    """When its condition is met by the deadline; the value waits in L.ESCROW (OP-16)."""


class Asker(StrEnum):
    """Who may ask for a cancellation."""

    CUSTOMER = "CUSTOMER"
    SUPPORT = "SUPPORT"
    """A support operator only: no right of the customer (RD-30)."""
    ENTERPRISE = "ENTERPRISE"
    """An enterprise, for a batch of its orders (批量撤销)."""


class Demand(StrEnum):
    """What a submission has to show before it is accepted."""

    PURCHASER = "PURCHASER"
    """The account that bought the card submits it (必须通过原购买账户操作)."""
    IDENTITY = "IDENTITY"
    """An identity document (身份证信息)."""
    PURCHASE_PROOF = "PURCHASE_PROOF"
    """A proof of the purchase (购卡凭证)."""
    AGREEMENT = "AGREEMENT"
    """A signed agreement and a verified qualification (签订协议并验证企业资质)."""


@dataclass(frozen=True, slots=True)
class CancelFee:
    """What a cancellation costs: an amount per order, and a share of the face in ppm, rounded half up (CV-2)."""

    flat_minor: int = 0
    share_ppm: int = 0

    def of(self, face_minor: int) -> int:
        """The fee in fen for a card of this face."""
        return self.flat_minor + of_rate(face_minor, self.share_ppm)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a channel that count the number itself (CV-9). `cancelled_daily_minor` caps the faces that one customer
    cancels for a fee on one business date; None caps nothing (A17)."""

    face_min_minor: int = 1
    face_max_minor: int = AMOUNT_MAX_MINOR
    cancelled_daily_minor: int | None = None

    def take(self, face_minor: int) -> bool:
        """Whether a card of this face is within them."""
        return self.face_min_minor <= face_minor <= self.face_max_minor


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """One channel. `window` is None where nobody may ever cancel; `only_unverified` closes it when the verification
    starts, `reviewed` has a person decide within `review_within`, and `asked_by` says whose right it is.

    `payouts` are the ways to be paid, the preferred first; `sla_working_days` is how long processing may take. Under
    `by_hand` an operator lets each order go on to its verification, settlement and payout. `version` counts the terms
    that were put in force for the channel; an order keeps the terms under which it was accepted.
    """

    channel: str
    kind: Kind
    rate_ppm: int
    window: timedelta | None = None
    fee: CancelFee = CancelFee()
    only_unverified: bool = False
    reviewed: bool = False
    asked_by: Asker = Asker.CUSTOMER
    commission_ppm: int = 0
    review_within: timedelta = timedelta(hours=24)
    until_settled: bool = False
    settlement: Settlement = Settlement.INSTANT
    limits: Limits = Limits()
    payouts: tuple[PayoutMethod, ...] = ALL_PAYOUTS
    demands: tuple[Demand, ...] = ()
    sla_working_days: int | None = None
    by_hand: bool = False
    name_zh: str = ""
    version: int = 0

    @property
    def cancellable(self) -> bool:
        """Whether anybody may ever cancel: in a window, or (T+1) as long as it is not settled."""
        return self.window is not None or self.until_settled

    @property
    def guarded(self) -> bool:
        """Whether it may be offered so: one that pays 95 % or more has no window (RD-10)."""
        return not self.cancellable or self.rate_ppm < STRICT_RATE_PPM

    def payout_minor(self, face_minor: int) -> int:
        """What the customer is paid for a face: the fraction of a fen stays with us (CV-3)."""
        return face_minor * self.rate_ppm // PPM

    def spread_minor(self, face_minor: int) -> int:
        """What is ours of a face that we pay for ourselves."""
        return face_minor - self.payout_minor(face_minor)

    def commission_minor(self, face_minor: int) -> int:
        """What a recycler owes us above the payout."""
        return face_minor * self.commission_ppm // PPM


def must_take(terms: ChannelPolicy, face_minor: int) -> None:
    """A card of this face is within the limits of the channel; whoever is refused hears which these are, as everybody
    may read them (FACE_OUT_OF_LIMITS)."""
    limits = terms.limits
    if limits.take(face_minor):
        return
    least, most = str(limits.face_min_minor), str(limits.face_max_minor)
    raise FailedPrecondition(
        "FACE_OUT_OF_LIMITS", f"{terms.channel} takes cards of {least} to {most} fen, none of {face_minor}",
        {"channel": terms.channel, "face_min_minor": least, "face_max_minor": most},
    )
