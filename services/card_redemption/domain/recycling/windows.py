"""Until when a recycling order may be cancelled (撤回时限): the one guard of the command and of what a page shows.

Both ends count: 480 s after it was accepted a window of 480 s is open, a microsecond later it is closed (CV-9).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.card_redemption.domain.recycling.policy import ChannelPolicy


class Verification(StrEnum):
    """How far the verification of the code (核验) is; once it has started nothing brings the code back (RD-1)."""

    NONE = "NONE"
    STARTED = "STARTED"
    DONE = "DONE"


class Verdict(StrEnum):
    """Whether an order may be cancelled now, and if not, what stands against it first."""

    ALLOW = "ALLOW"
    REVIEW = "REVIEW"
    DENY_NOT_SUPPORTED = "DENY_NOT_SUPPORTED"
    DENY_WINDOW = "DENY_WINDOW"
    DENY_VERIFIED = "DENY_VERIFIED"
    DENY_DAILY_CAP = "DENY_DAILY_CAP"
    """What its customer cancelled for a fee on this day leaves no room for it (A17)."""
    DENY_STATE = "DENY_STATE"
    """It is over, stopped, not there yet, or its cancellation is asked for already."""


@dataclass(frozen=True, slots=True)
class CanCancel:
    """What a cancellation at one instant would come to (RD-35). `fee_minor` is what it would cost, `deadline` the last
    instant of the window; None where there is no window, or (T+1) one that ends with the settlement."""

    verdict: Verdict
    fee_minor: int
    deadline: datetime | None


def can_cancel(
    policy: ChannelPolicy, face_minor: int, accepted_at: datetime, *, at: datetime, verification: Verification
) -> CanCancel:
    """Judge a cancellation at an instant of the server; one before the acceptance is denied (CV-11)."""
    deadline = None if policy.window is None else accepted_at + policy.window
    return CanCancel(_verdict(policy, at - accepted_at, verification), policy.fee.of(face_minor), deadline)


def is_open(window: timedelta | None, elapsed: timedelta) -> bool:
    """Whether so long after its beginning a window is open; one without a length has no end."""
    return timedelta() <= elapsed and (window is None or elapsed <= window)


def _verdict(policy: ChannelPolicy, elapsed: timedelta, verification: Verification) -> Verdict:
    if not policy.cancellable:
        return Verdict.DENY_NOT_SUPPORTED
    if not is_open(policy.window, elapsed):
        return Verdict.DENY_WINDOW
    if policy.only_unverified and verification is not Verification.NONE:
        return Verdict.DENY_VERIFIED
    return Verdict.REVIEW if policy.reviewed else Verdict.ALLOW
