"""What an enterprise (企业客户) may do: schedule, edit until a cut-off, and revoke in batches (DOMAIN 1.9)."""

from datetime import datetime, timedelta
from enum import StrEnum

from services.card_redemption.domain.recycling.windows import is_open

CUTOFF_MIN = timedelta(hours=1)
"""No agreement has a shorter cut-off (最短1小时, A18)."""
REVOKE_WINDOW = timedelta(hours=24)
"""From each order's acceptance on (24小时内可批量撤销, A19)."""
MOU_ABOVE_MINOR = 50_000_000
"""Who bought more than this in a year may revoke in batches: more, not as much (年采购量超50万元)."""


class Revocation(StrEnum):
    """What became of one order of a batch."""

    PENDING = "PENDING"
    REVOKED = "REVOKED"
    DENY_NOT_ELIGIBLE = "DENY_NOT_ELIGIBLE"
    DENY_SETTLED = "DENY_SETTLED"
    DENY_WINDOW = "DENY_WINDOW"
    DENY_NOT_FOUND = "DENY_NOT_FOUND"
    """It is no order under this agreement."""
    DENY_NOT_REVOCABLE = "DENY_NOT_REVOCABLE"
    """Another issuer's card whose code was read (OP-7)."""


def may_schedule(now: datetime, scheduled_at: datetime, cutoff: timedelta) -> bool:
    """Whether a redemption may be scheduled for an instant: at least the cut-off ahead."""
    return scheduled_at - now >= cutoff


def may_edit(now: datetime, scheduled_at: datetime, cutoff: timedelta) -> bool:
    """Whether a scheduled redemption may still be edited."""
    return now <= scheduled_at - cutoff


def may_revoke_batches(annual_minor: int, above_minor: int = MOU_ABOVE_MINOR) -> bool:
    """Whether an enterprise with this annual purchase may revoke in batches: more than the bound, not as much."""
    return annual_minor > above_minor


def crossed(before_minor: int, after_minor: int, above_minor: int) -> bool:
    """Whether an amount came above a threshold with this step; as much is not above it (超, CV-9)."""
    return before_minor <= above_minor < after_minor


def revocation(
    annual_minor: int, above_minor: int, accepted_at: datetime, *, settled: bool, at: datetime
) -> Revocation:
    """Judge one order of a batch that an enterprise with this annual purchase asks to revoke."""
    if not may_revoke_batches(annual_minor, above_minor):
        return Revocation.DENY_NOT_ELIGIBLE
    return unsettled(accepted_at, settled=settled, at=at)


def unsettled(accepted_at: datetime, *, settled: bool, at: datetime) -> Revocation:
    """Judge one order of a batch of an enterprise that may revoke in batches."""
    if settled:
        return Revocation.DENY_SETTLED
    return Revocation.REVOKED if is_open(REVOKE_WINDOW, at - accepted_at) else Revocation.DENY_WINDOW
