"""The verification begins, is asked about again, and reports; then the redemption goes on (RD-1, RD-25)."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.decisions.disputes.opening import with_restriction
from services.card_redemption.decisions.redemptions.finding import redemption_of, standing_of
from services.card_redemption.decisions.redemptions.onward import onward, settles_at
from services.card_redemption.decisions.redemptions.releasing import revoked
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.redeeming import FOREIGN, index_of
from services.card_redemption.domain.codes import CardCode
from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome, EntryChannel
from services.card_redemption.domain.redemption import settling, verifying
from services.card_redemption.domain.redemption.order import RedemptionOrder, refuse_while_settling
from services.card_redemption.domain.redemption.states import RedemptionState
from services.card_redemption.domain.redemption.stepping import Stepped
from services.card_redemption.domain.redemption.timers import SETTLE, THAWED_AGAIN, VERIFY
from services.card_redemption.domain.states import CardStanding
from services.card_redemption.domain.verification import Finding, ReportVerification
from services.kernel.decision import Decision, Known, Timer, Wanted
from services.kernel.messages import Message, TimerDue

_S = RedemptionState
VERIFIED = "VERIFY_CODE"
UNKNOWN = "CODE_REJECTED"
"""What was tried, as the record has it of a verification that failed, and why if no provider knows the code."""


def wanted(body: ReportVerification, message: Message) -> Wanted:
    """Its card; of another issuer's, whose its code is too."""
    foreign = message.key.startswith(FOREIGN)
    return ((GiftCard, message.key), *(((CardCode, index_of(message.key)),) if foreign else ()))


def due(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer: the verification begins, or the provider is asked again. No code is read while an operator has its card
    frozen (OP-8); one that was read before is asked about on."""
    order = known.find(RedemptionOrder, body.key)
    if order is None:
        return Decision()
    order, card = redemption_of(known, order.id, message.key)
    refuse_while_settling(order)
    if order.state is _S.VERIFYING:
        return verifying.asked_again(order, card, now)
    if order.state is not _S.ACCEPTED:
        return Decision()
    if order.verify_at is not None and now < order.verify_at:
        return Decision(timers=(Timer(VERIFY, order.id, card.id, order.verify_at),))
    if card.standing is CardStanding.FROZEN:
        return Decision(timers=(Timer(VERIFY, order.id, card.id, now + THAWED_AGAIN),))
    return verifying.started(order, card, now).decided()


def reported(known: Known, body: ReportVerification, message: Message, now: datetime) -> Decision:
    """The provider answered. What is not awaited any more changes nothing: it was frozen, or has its answer."""
    order = known.find(RedemptionOrder, body.order_id)
    if order is None or order.state is not _S.VERIFYING or not body.finding.final:
        return Decision()
    order, card = redemption_of(known, order.id, message.key)
    report = replace(body, finding=Finding.INVALID) if _is_of_ours(known, card) else body
    step = _within_bounds(known, order, verifying.reported(order, card, report, now), now)
    step = onward(known, order, step, message, now)
    step = with_restriction(known, step, now)
    return replace(step.decided(), records=tried(step.order))


def _is_of_ours(known: Known, card: GiftCard) -> bool:
    """Whether what was submitted as another issuer's card has a code of ours: whatever its provider says of it, nobody
    is paid for that but by the card itself."""
    code = known.find(CardCode, index_of(card.id)) if card.issuer else None
    return code is not None and code.card_id != card.id


def tried(order: RedemptionOrder) -> tuple[Attempt, ...]:
    """What the record has of a code that was no good (RD-31): to whoever submitted it, it counts as a wrong one. Of a
    face that nobody takes it has that, too."""
    denied = order.reason in verifying.BEYOND
    if order.state not in (_S.FAILED, _S.FAILED_CONSUMED) and not denied:
        return ()
    return (Attempt(
        kind=VERIFIED, actor=order.customer_id, channel=EntryChannel.ENGINE,
        outcome=AttemptOutcome.DENIED if denied else AttemptOutcome.FAILED,
        reason=UNKNOWN if order.state is _S.FAILED else order.reason, card_id=order.card_id, order_id=order.id,
    ),)


def _within_bounds(known: Known, before: RedemptionOrder, step: Stepped, now: datetime) -> Stepped:
    """What is asked of a face that is submitted is asked again of another one that was found: a card that is beyond is
    given back, of another issuer if its provider lets go of the code, and else paid for (OP-7)."""
    order = step.order
    if order.state is not _S.VERIFIED or order.face_minor == before.face_minor:
        return step
    reason = verifying.beyond(order, standing_of(known, order.customer_id).completed)
    return step.then(lambda found, card: revoked(found, card, now, reason=reason)) if reason else step


def settle_due(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer: the day, or the scheduled instant, has come."""
    order = known.find(RedemptionOrder, body.key)
    if order is None or order.state is not _S.VERIFIED:
        return Decision()
    order, card = redemption_of(known, order.id, message.key)
    refuse_while_settling(order)
    due_at = settles_at(known, order, card, now)
    if due_at > now:
        return Decision(timers=(Timer(SETTLE, order.id, card.id, due_at),))
    return onward(known, order, settling.settled(order, card, now), message, now).decided()
