"""What only an enterprise may do with its redemptions: edit a schedule until its cut-off, revoke in batches (1.9)."""

from datetime import datetime, timedelta

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.recycling.enterprise import (
    Revocation,
    may_edit,
    may_schedule,
    unsettled,
)
from services.card_redemption.domain.recycling.policy import must_take
from services.card_redemption.domain.redemption.commands import EditSchedule
from services.card_redemption.domain.redemption.order import RedemptionOrder, must_stand, refuse_while_settling
from services.card_redemption.domain.redemption.states import UNSETTLED, RedemptionState, Step
from services.card_redemption.domain.redemption.stepping import Stepped, stepped
from services.card_redemption.domain.redemption.timers import SCHEDULE
from services.card_redemption.domain.redemption.ways import must_pay_by
from services.kernel.decision import Timer
from services.kernel.errors import FailedPrecondition, InvalidArgument

_S = RedemptionState


def edited(
    order: RedemptionOrder, card: GiftCard, body: EditSchedule, now: datetime, cutoff: timedelta
) -> Stepped:
    """A new schedule, face or payout, until the cut-off of the one that stands; the new one lies so far ahead (A18)."""
    refuse_while_settling(order)
    must_stand(order, _S.SCHEDULED)
    scheduled_at = body.scheduled_at or order.scheduled_at
    if order.scheduled_at is None or scheduled_at is None or not may_edit(now, order.scheduled_at, cutoff):
        raise FailedPrecondition("SCHEDULE_LOCKED", f"it could be edited until {cutoff} before {order.scheduled_at}")
    if not may_schedule(now, scheduled_at, cutoff):
        raise FailedPrecondition("LEAD_TOO_SHORT", f"a schedule lies {cutoff} ahead at least")
    face_minor = order.declared_minor if body.declared_minor is None else body.declared_minor
    if face_minor <= 0:
        raise InvalidArgument("INVALID_AMOUNT", f"a face of {face_minor} fen is none")
    must_take(order.terms, face_minor)
    method, instrument = body.method or order.method, body.instrument or order.instrument
    must_pay_by(order.terms, method, instrument, card.purchase)
    changed = stepped(
        order, card, now, Step.SCHEDULE_EDITED, scheduled_at=scheduled_at, declared_minor=face_minor,
        face_minor=face_minor, method=method, instrument=instrument,
    )
    return changed.timed(Timer(SCHEDULE, order.id, card.id, scheduled_at))


def schedule_reached(order: RedemptionOrder, card: GiftCard, now: datetime) -> Stepped:
    """Its time has come: it goes on as any other."""
    must_stand(order, _S.SCHEDULED)
    return stepped(order, card, now, Step.SCHEDULE_REACHED, state=_S.ACCEPTED, verify_at=now)


def judged_revocation(order: RedemptionOrder, requested_at: datetime) -> Revocation:
    """What a batch does to one of its orders; what is no more under way counts as settled, and of what somebody else is
    taking back the code is not its to give. The instant of the request counts, whenever the order's turn comes (A19,
    OP-15)."""
    result = unsettled(order.accepted_at, settled=order.state not in UNSETTLED, at=requested_at)
    asked_already = result is Revocation.REVOKED and order.state is _S.REVOKING
    return Revocation.DENY_NOT_REVOCABLE if asked_already else result
