"""Taking a redemption back before its code is read: by the customer, by support, with a review, for a fee (RD-1).

`judged` is the one guard of the command and of what a page shows (RD-35).
"""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.domain.cards.card import CardStep, GiftCard
from services.card_redemption.domain.cards.redeeming import restore, unclaim
from services.card_redemption.domain.recycling.caps import CancelledToday, cancelled_more
from services.card_redemption.domain.recycling.policy import Asker
from services.card_redemption.domain.recycling.windows import CanCancel, Verdict, can_cancel
from services.card_redemption.domain.redemption.order import RedemptionOrder, must_stand
from services.card_redemption.domain.redemption.states import RedemptionState, Step
from services.card_redemption.domain.redemption.stepping import Stepped, stepped
from services.card_redemption.domain.redemption.timers import REVIEW, SETTLE, VERIFY, waking
from services.kernel.errors import FailedPrecondition

_S = RedemptionState
CANCELLABLE = frozenset({_S.ACCEPTED, _S.VERIFIED})
_READ = frozenset({
    _S.VERIFYING, _S.ESCROWED, _S.SETTLED, _S.PAYOUT_RETRY, _S.COMPLETED, _S.FAILED, _S.FAILED_CONSUMED,
})
"""It is its code that stands against a cancellation here: it is being read, or was; elsewhere the state itself does."""
REASONS = {
    Verdict.DENY_NOT_SUPPORTED: "CANCEL_NOT_SUPPORTED",
    Verdict.DENY_WINDOW: "CANCEL_WINDOW_CLOSED",
    Verdict.DENY_VERIFIED: "VERIFICATION_STARTED",
    Verdict.DENY_DAILY_CAP: "CANCEL_DAILY_CAP",
    Verdict.DENY_STATE: "REDEMPTION_STATE",
}
"""Why a cancellation is refused, by what stands against it first."""


def judged(order: RedemptionOrder, asker: Asker, at: datetime) -> CanCancel:
    """What a cancellation asked for by somebody at an instant comes to; one that is settled counts as verified."""
    shown = can_cancel(
        order.terms, order.face_minor, order.accepted_at, at=at, verification=order.verification
    )
    if asker is not order.terms.asked_by or shown.verdict is Verdict.DENY_NOT_SUPPORTED:
        return replace(shown, verdict=Verdict.DENY_NOT_SUPPORTED)
    if order.state not in CANCELLABLE | _READ:
        return replace(shown, verdict=Verdict.DENY_STATE)
    if shown.verdict in REASONS or (order.state in CANCELLABLE and not _kept_for_good(order)):
        return shown
    return replace(shown, verdict=Verdict.DENY_VERIFIED)


def asked_alone(order: RedemptionOrder, asker: Asker, at: datetime) -> CanCancel:
    """What it comes to where one redemption alone is asked for: an enterprise takes back in batches, which only those
    may that bought enough (A19)."""
    shown = judged(order, asker, at)
    return replace(shown, verdict=Verdict.DENY_NOT_SUPPORTED) if asker is Asker.ENTERPRISE else shown


def is_capped(order: RedemptionOrder) -> bool:
    """Whether its face counts against what its customer may cancel on one day (A17)."""
    return order.terms.limits.cancelled_daily_minor is not None


def within_cap(shown: CanCancel, order: RedemptionOrder, today: CancelledToday, at: datetime) -> CanCancel:
    """What a cancellation comes to whose face is counted at once, beside those that its customer had on the day: by the
    very sum by which his root refuses it (A17, RD-35)."""
    most_minor = order.terms.limits.cancelled_daily_minor
    if most_minor is None or shown.verdict is not Verdict.ALLOW:
        return shown
    fits = cancelled_more(today, at, order.face_minor, most_minor) is not None
    return shown if fits else replace(shown, verdict=Verdict.DENY_DAILY_CAP)


def _kept_for_good(order: RedemptionOrder) -> bool:
    """A code that a provider has is given back for nothing or not at all: nobody can take a fee, or count a day's face,
    for what the provider may refuse (OP-7)."""
    return order.read_elsewhere and (is_capped(order) or order.terms.fee.of(order.face_minor) > 0)


def must_be_cancellable(order: RedemptionOrder, asker: Asker, at: datetime) -> CanCancel:
    """The verdict that lets it be cancelled, at once or by a review; any other is refused with its reason."""
    shown = judged(order, asker, at)
    if shown.verdict is Verdict.DENY_VERIFIED and not order.terms.only_unverified and _kept_for_good(order):
        raise FailedPrecondition("NOT_REVOCABLE", f"the code of {order.id} was read by its provider")
    if shown.verdict in REASONS:
        raise FailedPrecondition(REASONS[shown.verdict], _why(order, asker, shown))
    return shown


def _why(order: RedemptionOrder, asker: Asker, shown: CanCancel) -> str:
    """What stands against it, for whoever asked."""
    if shown.verdict is Verdict.DENY_STATE:
        return f"{order.id} is {order.state}"
    if shown.verdict is Verdict.DENY_WINDOW:
        until = "on" if shown.deadline is None else f"until {shown.deadline.isoformat()}"
        return f"{order.id} could be cancelled from {order.accepted_at.isoformat()} {until}"
    if shown.verdict is Verdict.DENY_VERIFIED:
        return f"the code of {order.id} is being read, or was"
    if not order.terms.cancellable:
        return f"{order.terms.channel} lets nobody cancel"
    return f"{order.terms.channel} lets {order.terms.asked_by.lower()} cancel, not {asker.lower()}"


def review_asked(order: RedemptionOrder, card: GiftCard, now: datetime) -> Stepped:
    """A person decides; verification is paused meanwhile, and no decision in time is a no (A20)."""
    asked = stepped(
        order, card, now, Step.CANCEL_REQUESTED, state=_S.CANCEL_REVIEW, cancel_requested_at=now, reason=""
    )
    return asked.timed(*waking(asked.order, now)).cleared((VERIFY, order.id), (SETTLE, order.id))


def review_rejected(order: RedemptionOrder, card: GiftCard, now: datetime, reason: str) -> Stepped:
    """The reviewer said no, or said nothing in time: verification goes on."""
    must_stand(order, _S.CANCEL_REVIEW)
    rejected = stepped(order, card, now, Step.CANCEL_REJECTED, state=_before(order), reason=reason)
    return rejected.cleared((REVIEW, order.id)).timed(*waking(rejected.order, now))


def begun_to_cancel(
    order: RedemptionOrder, card: GiftCard, now: datetime, saga_id: str, *, evidence: tuple[str, ...] = ()
) -> Stepped:
    """The fee and the day's cap are asked for; until that is answered nothing else happens to it."""
    begun = stepped(
        order, card, now, Step.CANCEL_BEGUN, state=_S.CANCELLING, settlement_id=saga_id, reason="",
        cancel_requested_at=order.cancel_requested_at or now, evidence=evidence or order.evidence,
    )
    return begun.cleared((VERIFY, order.id), (REVIEW, order.id))


def cancelled(order: RedemptionOrder, card: GiftCard, now: datetime, evidence: tuple[str, ...] = ()) -> Stepped:
    """The card is its owner's again, whole (A16, P36); under a new code if the old one was read (OP-7)."""
    turn = unclaim if order.verified_at is None else _renewed
    done = stepped(
        order, card, now, Step.CANCELLED, turn=lambda held: turn(held, order.id), state=_S.CANCELLED, settlement_id="",
        reason="", cancel_requested_at=order.cancel_requested_at or now, evidence=evidence or order.evidence,
        cancel_fee_minor=order.terms.fee.of(order.face_minor), verification_code=None,
    )
    return done.cleared((VERIFY, order.id), (REVIEW, order.id), (SETTLE, order.id))


def cancel_refused(order: RedemptionOrder, card: GiftCard, now: datetime, reason: str) -> Stepped:
    """The fee or the cap stood against it: verification goes on, as if nobody had asked."""
    refused = stepped(
        order, card, now, Step.CANCEL_REFUSED, state=_before(order), settlement_id="",
        reason=reason, cancel_requested_at=None,
    )
    return refused.timed(*waking(refused.order, now))


def _renewed(card: GiftCard, redemption_id: str) -> CardStep:
    return restore(card, redemption_id, 0)


def _before(order: RedemptionOrder) -> RedemptionState:
    """Where it stood before somebody asked for its cancellation."""
    return _S.ACCEPTED if order.verified_at is None else _S.VERIFIED
