"""Taking a redemption back: at once, for a fee, by a review, by support (RD-1, RD-30, A16, A17, A20)."""

from datetime import datetime

from services.card_redemption.decisions.redemptions import releasing
from services.card_redemption.decisions.redemptions.finding import fresh, party, redemption_of
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.recycling.policy import Asker
from services.card_redemption.domain.recycling.windows import Verdict
from services.card_redemption.domain.redemption import cancelling
from services.card_redemption.domain.redemption import releasing as letting_go
from services.card_redemption.domain.redemption.commands import (
    DecideCancelReview,
    InterceptRedemption,
    RequestCancel,
)
from services.card_redemption.domain.redemption.order import RedemptionOrder, must_stand, refuse_while_settling
from services.card_redemption.domain.redemption.papers import kinds_shown
from services.card_redemption.domain.redemption.plans import CancelPlan
from services.card_redemption.domain.redemption.states import UNSETTLED, RedemptionState
from services.card_redemption.domain.redemption.timers import review_ends, waking
from services.card_redemption.sagas import launched
from services.kernel.decision import Decision, Known
from services.kernel.errors import FailedPrecondition
from services.kernel.messages import Message, TimerDue

RECORDING = "SCREEN_RECORDING"
"""The evidence without which nothing is intercepted."""
_S = RedemptionState
_ANSWERED_FIRST = frozenset({_S.VERIFYING, _S.CANCEL_REVIEW, _S.REVOKING})
"""Somebody's answer is awaited, and it is intercepted only after it."""
NO_ANSWER = "REVIEW_EXPIRED"
REJECTED = "REVIEW_REJECTED"


def request(known: Known, body: RequestCancel, message: Message, now: datetime) -> Decision:
    """The very guard of `CanCancel` decides; the instant is that of this transaction (OP-15, RD-35)."""
    order, card = redemption_of(known, body.redemption_id, message.key, body.customer_id)
    refuse_while_settling(order)
    if body.asker is Asker.ENTERPRISE:  # as `asked_alone` shows it, whatever else stands against it
        raise FailedPrecondition("CANCEL_NOT_SUPPORTED", "an enterprise takes back in batches")
    shown = cancelling.must_be_cancellable(order, body.asker, now)
    if body.asker is Asker.SUPPORT:
        must_show_recording(body.evidence)
    if shown.verdict is Verdict.REVIEW:
        return cancelling.review_asked(order, card, now).decided()
    return _cancel(order, card, message, now, body.evidence)


def decide_review(known: Known, body: DecideCancelReview, message: Message, now: datetime) -> Decision:
    """The request's instant counts, so an answer after the window is in time (A20)."""
    order, card = redemption_of(known, body.redemption_id, message.key)
    refuse_while_settling(order)
    must_stand(order, RedemptionState.CANCEL_REVIEW)
    if not body.approved or _review_over(order, now):
        reason = NO_ANSWER if body.approved else REJECTED
        return cancelling.review_rejected(order, card, now, reason).decided()
    return _cancel(order, card, message, now)


def review_over(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer: nobody decided in time, so the answer is no, and verification goes on (A20)."""
    order = known.find(RedemptionOrder, body.key)
    if order is None or order.state is not RedemptionState.CANCEL_REVIEW:
        return Decision()
    if not _review_over(order, now):
        return Decision(timers=waking(order, now))
    order, card = redemption_of(known, order.id, message.key)
    return cancelling.review_rejected(order, card, now, NO_ANSWER).decided()


def intercept(known: Known, body: InterceptRedemption, message: Message, now: datetime) -> Decision:
    """Support stops what has not settled, with a screen recording; on a channel that is support's to cancel, within its
    window (RD-30)."""
    order, card = redemption_of(known, body.redemption_id, message.key)
    refuse_while_settling(order)
    must_show_recording(body.evidence)
    if order.state not in UNSETTLED or order.state in _ANSWERED_FIRST:
        raise FailedPrecondition("REDEMPTION_STATE", f"{order.id} is {order.state}")
    if order.terms.asked_by is Asker.SUPPORT:
        cancelling.must_be_cancellable(order, Asker.SUPPORT, now)
        return _cancel(order, card, message, now, body.evidence)
    return releasing.revoked(order, card, now, body.evidence).decided()


def must_show_recording(evidence: tuple[str, ...]) -> None:
    """Nothing is intercepted without a recording of the screen (EVIDENCE_MISSING)."""
    if RECORDING not in kinds_shown(evidence):
        raise FailedPrecondition("EVIDENCE_MISSING", f"an interception needs a {RECORDING}")


def _review_over(order: RedemptionOrder, now: datetime) -> bool:
    ends_at = review_ends(order)
    return ends_at is not None and now >= ends_at


def _cancel(
    order: RedemptionOrder, card: GiftCard, message: Message, now: datetime, evidence: tuple[str, ...] = ()
) -> Decision:
    """At once where it costs nothing and nothing is counted, else both are asked; a provider that has the code is asked
    for it (OP-7)."""
    if order.read_elsewhere:
        return letting_go.asked(order, card, now, evidence, by_customer=True).decided()
    cap_minor = order.terms.limits.cancelled_daily_minor
    plan = CancelPlan(
        party(order), order.terms.fee.of(order.face_minor), order.face_minor if cap_minor is not None else 0,
        cap_minor or 0,
    )
    if plan.empty:
        return cancelling.cancelled(order, card, now, evidence).decided()
    begun = cancelling.begun_to_cancel(order, card, now, fresh("saga", message), evidence=evidence)
    return launched(begun, plan, now).decided()
