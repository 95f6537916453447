"""The timers of a redemption: what wakes it where it waits."""

from datetime import datetime, timedelta

from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.states import RedemptionState
from services.kernel.calendar import TICK
from services.kernel.decision import Timer

VERIFY = "redemption_verify"
"""Its verification begins, or the provider is asked again."""
REVIEW = "redemption_review"
"""The review of a cancellation took too long."""
SETTLE = "redemption_settle"
"""It settles: at T+1, or as scheduled."""
SCHEDULE = "redemption_schedule"
"""The instant for which an enterprise scheduled it."""
ESCROW_ENDS = "escrow_deadline"
"""The condition of an escrow was not met in time."""
ESCROW_MET = "escrow_met"
"""The condition of an escrow was met while its card was frozen; once that is free the value is released. It has no
other name's timer: an earlier release takes back whatever that wakes."""
DRAFT_ENDS = "redemption_draft"
"""A draft that nobody confirmed in its time is abandoned (OP-12)."""
RESUBMITTED = "redemption_resubmitted"
"""A submission whose code was denied was answered: if a redemption has the code, a freeze case is opened (RD-20)."""
RELEASE = "redemption_release"
"""Its provider is asked again to let go of its code (OP-7)."""
SLA = "redemption_sla"
"""Its last working day is over; then each day after it (A22). A freeze leaves it."""
PAY = "redemption_payout"
"""A payout that could not be asked for is asked for again."""

ASK_AGAIN = timedelta(seconds=30)
"""So long after it was asked a provider that said nothing is asked again."""
PAY_AGAIN = timedelta(seconds=60)
REFUSED_AGAIN = timedelta(days=1)
"""So long after even the wallet refused a payout it is asked for again."""
THAWED_AGAIN = timedelta(minutes=10)
"""So long after a card was found frozen it is looked whether it is free to be read, to settle, to release its value."""


def verification_timer(order: RedemptionOrder, now: datetime) -> tuple[Timer, ...]:
    """What begins the verification; nothing where a person does."""
    if order.terms.by_hand:
        return ()
    return (Timer(VERIFY, order.id, order.card_id, max(now, order.verify_at or now)),)


def waking(order: RedemptionOrder, now: datetime) -> tuple[Timer, ...]:
    """What wakes it where it stands, as if it came there now: what fell due meanwhile is due (OP-8)."""
    if order.state is RedemptionState.ACCEPTED:
        return verification_timer(order, now)
    at = {
        RedemptionState.SCHEDULED: (SCHEDULE, order.scheduled_at),
        RedemptionState.CANCEL_REVIEW: (REVIEW, review_ends(order)),
        RedemptionState.VERIFYING: (VERIFY, now),
        RedemptionState.REVOKING: (RELEASE, now),
        RedemptionState.VERIFIED: (SETTLE, None if order.terms.by_hand else now),
        RedemptionState.ESCROWED: (
            (ESCROW_MET, now) if order.deadline is None else (ESCROW_ENDS, order.deadline + TICK)
        ),
    }.get(order.state)
    if at is None or at[1] is None:
        return ()
    return (Timer(at[0], order.id, order.card_id, max(now, at[1])),)


def review_ends(order: RedemptionOrder) -> datetime | None:
    """The first instant at which a review that nobody decided is over (A20)."""
    asked_at = order.cancel_requested_at
    return None if asked_at is None else asked_at + order.terms.review_within + TICK


EVERY = (VERIFY, REVIEW, SETTLE, SCHEDULE, ESCROW_ENDS, ESCROW_MET, RELEASE, PAY)
"""What a freeze clears: on release they are set again."""
ALL = (*EVERY, SLA)
"""All that a redemption may have; a draft is none yet."""
