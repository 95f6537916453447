"""Wrong faces, platform faults and frauds of settled redemptions (RD-21, RD-22, RD-33, OP-2, OP-8)."""

from datetime import datetime

from services.card_redemption.decisions.recorded import call_of
from services.card_redemption.decisions.redemptions.finding import fresh, party, redemption_of
from services.card_redemption.decisions.redemptions.onward import onward, resumed
from services.card_redemption.decisions.redemptions.releasing import answered
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.recycling.enterprise import Revocation
from services.card_redemption.domain.redemption import freezing, stopping, taking_back
from services.card_redemption.domain.redemption.commands import (
    AcceptPlatformFault,
    CorrectFace,
    DecideFraud,
    ReportFraud,
)
from services.card_redemption.domain.redemption.order import RedemptionOrder, refuse_while_settling
from services.card_redemption.domain.redemption.plans import ClaimPlan, StopPlan
from services.card_redemption.domain.redemption.states import PAYABLE
from services.card_redemption.domain.redemption.stepping import Stepped
from services.card_redemption.domain.redemption.taking_back import Cause, TakeBack
from services.card_redemption.sagas import launched
from services.kernel.decision import Decision, Done, Known
from services.kernel.errors import FailedPrecondition
from services.kernel.messages import Message

HELD_BY_ITSELF = "HOLD_PAYOUT"
"""What the record has of a stop for which nobody called: the bank had refused what could not be stopped before."""


def correct_face(known: Known, body: CorrectFace, message: Message, now: datetime) -> Decision:
    """The actual face decides: the rest is paid at once, or what was paid too much comes back (RD-21)."""
    order, card = redemption_of(known, body.redemption_id, message.key)
    if body.actual_minor == order.face_minor:
        refuse_while_settling(order)
        taking_back.must_be_correctable(order, body.actual_minor)
        return Decision(Done(order))
    return face_corrected(
        known, order, card, actual_minor=body.actual_minor, message=message, now=now
    ).decided()


def face_corrected(
    known: Known, order: RedemptionOrder, card: GiftCard, *, actual_minor: int, message: Message, now: datetime
) -> Stepped:
    """From the face it was paid for to another."""
    refuse_while_settling(order)
    taking_back.must_be_correctable(order, actual_minor)
    if actual_minor > order.face_minor:
        step = taking_back.topped_up(order, card, actual_minor, now)
    else:
        step = taken_back(order, card, _what(Cause.FACE_CLAWBACK, message, actual_minor), message, now)
    return onward(known, order, step, message, now)


def accept_fault(known: Known, body: AcceptPlatformFault, message: Message, now: datetime) -> Decision:
    """The value is issued again; what was paid the customer owes (RD-33)."""
    order, card = redemption_of(known, body.redemption_id, message.key)
    return fault_accepted(order, card, message, now).decided()


def fault_accepted(order: RedemptionOrder, card: GiftCard, message: Message, now: datetime) -> Stepped:
    """All of it is undone."""
    refuse_while_settling(order)
    if order.state not in PAYABLE:
        raise FailedPrecondition("REDEMPTION_STATE", f"{order.id} is {order.state}")
    taking_back.refuse_two_in_transit(order)
    return resumed(order, taken_back(order, card, _what(Cause.FAULT_REVERSAL, message), message, now), message, now)


def report_fraud(known: Known, body: ReportFraud, message: Message, now: datetime) -> Decision:
    """Everything stops (RD-22)."""
    order, card = redemption_of(known, body.redemption_id, message.key)
    return holding(freezing.reported(order, card, body.reporter, now), message, now).decided()


def decide_fraud(known: Known, body: DecideFraud, message: Message, now: datetime) -> Decision:
    """With a case of the police, and not before 15 days: it goes on, or it is closed (A22, OP-8). Somebody else than
    who reported it says so, as in a case of it (D57)."""
    order, card = redemption_of(known, body.redemption_id, message.key)
    freezing.must_be_another(order, body.operator_id)
    return fraud_decided(
        order, card, confirmed=body.confirmed, police_case=body.police_case, message=message, now=now
    ).decided()


def fraud_decided(
    order: RedemptionOrder, card: GiftCard, *, confirmed: bool, police_case: str, message: Message, now: datetime
) -> Stepped:
    """It was none and goes on, or it is closed."""
    fraud = freezing.must_be_decidable(order, police_case, now)
    if not confirmed:
        return resumed(order, freezing.released(order, card, fraud, now), message, now)
    if order.frozen_from not in PAYABLE:
        closed = freezing.closed_unsettled(order, card, fraud, now)
        return answered(order, closed, Revocation.DENY_NOT_REVOCABLE, message)
    noted = freezing.case_noted(order, card, fraud, now)
    what = _what(Cause.FRAUD_CLOSE, message)
    closed = noted.then(lambda frozen, held: taken_back(frozen, held, what, message, now))
    return resumed(order, closed, message, now)


def holding(step: Stepped, message: Message, now: datetime, before: StopPlan | None = None) -> Stepped:
    """A payout that the credit ledger has is stopped, if it still can be, until the fraud is decided; then the next one
    behind that of the plan `before`, for the same call (OP-8)."""
    payout = stopping.to_stop(step.order, "" if before is None else before.payout_id)
    if payout is None:
        return step
    asked = call_of(message) or HELD_BY_ITSELF
    what = TakeBack(Cause.PAYOUT_HOLD, step.order.face_minor, asked) if before is None else before.what
    payout_id = payout.id
    saga_id = fresh("saga", message)
    begun = step.then(lambda frozen, card: stopping.stop_begun(frozen, card, saga_id, now))
    return launched(begun, StopPlan(party(step.order), payout_id, what), now)


def taken_back(
    order: RedemptionOrder, card: GiftCard, what: TakeBack, message: Message, now: datetime, *, after: str = ""
) -> Stepped:
    """Out of the payouts that nobody has; where they are not enough the credit ledger says of each that it has, behind
    this one, whether it could be stopped (OP-2), and claims what is left then."""
    if not what.owed_minor(order):
        return taking_back.taken_back_alone(order, card, what, now)
    if taking_back.is_covered(order, what):
        return taking_back.taken_back_unpaid(order, card, what, now)
    payout = stopping.to_stop(order, after)
    if payout is None:
        return _claimed(order, card, what, message, now)
    begun = stopping.stop_begun(order, card, fresh("saga", message), now)
    return launched(begun, StopPlan(party(order), payout.id, what), now)


def _what(cause: Cause, message: Message, face_minor: int = 0) -> TakeBack:
    return TakeBack(cause, face_minor, call_of(message))


def _claimed(order: RedemptionOrder, card: GiftCard, what: TakeBack, message: Message, now: datetime) -> Stepped:
    """The credit ledger claims it from the customer (P32, P34)."""
    begun = taking_back.claim_begun(order, card, fresh("saga", message), now)
    plan = ClaimPlan(party(order), what, taking_back.to_claim_minor(order, what), order.claimed_minor)
    return launched(begun, plan, now)
