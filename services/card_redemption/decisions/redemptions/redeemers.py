"""The customer's own root as a participant of his redemptions' sagas, and what he is told (OP-5, RD-23, A17, RD-25)."""

from datetime import datetime

from services.card_redemption.domain.redemption import redeemer
from services.card_redemption.domain.redemption.participation import (
    AdmitRedemption,
    CountCancellation,
    CountCompletion,
    LiftRestriction,
    RestrictRedeemer,
)
from services.card_redemption.domain.redemption.redeemer import Redeemer
from services.kernel.decision import Decision, Done, Known
from services.kernel.messages import Message
from services.kernel.participant import refuse_if_busy, take_part


def admit(known: Known, body: AdmitRedemption, message: Message, now: datetime) -> Decision:
    """May he submit a card of this face?"""

    def execute(free: Redeemer, at: datetime) -> Decision:
        redeemer.must_be_admitted(free, body.plan.face_minor)
        return Decision(Done())

    return take_part(_redeemer(known, message), message, now, execute)


def count_cancellation(known: Known, body: CountCancellation, message: Message, now: datetime) -> Decision:
    """One more paid cancellation today, if that stays within the cap."""

    def execute(free: Redeemer, at: datetime) -> Decision:
        plan = body.plan
        return Decision(Done(), changes=(redeemer.cancelled(free, plan.capped_minor, plan.cap_minor, at),))

    return take_part(_redeemer(known, message), message, now, execute)


def count_completion(known: Known, body: CountCompletion, message: Message, now: datetime) -> Decision:
    """Notice: one more redemption of his is complete."""
    known_before = _redeemer(known, message)
    refuse_if_busy(known_before)
    return Decision(changes=(redeemer.completed(known_before),))


def restrict(known: Known, body: RestrictRedeemer, message: Message, now: datetime) -> Decision:
    """Notice: a card of his had been spent."""
    known_before = _redeemer(known, message)
    refuse_if_busy(known_before)
    return Decision(changes=(redeemer.restricted(known_before, body.redemption_id, body.reason),))


def lift(known: Known, body: LiftRestriction, message: Message, now: datetime) -> Decision:
    """Notice: a case found that he may redeem again."""
    known_before = _redeemer(known, message)
    refuse_if_busy(known_before)
    return Decision(changes=(redeemer.lifted(known_before, body.redemption_id),))


def _redeemer(known: Known, message: Message) -> Redeemer:
    return known.find(Redeemer, message.key) or Redeemer(message.key)
