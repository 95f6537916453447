"""How a redemption goes on by itself: it settles when it is due, its payout is asked for, its completion is told.

Where an operator leads it (`by_hand`), each of these waits for him.
"""

from datetime import datetime

from services.card_redemption.channels import BEHAVIOURS
from services.card_redemption.channels.behaviour import Settling
from services.card_redemption.decisions.redemptions.finding import fresh, party
from services.card_redemption.decisions.terms import working_days
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.enterprise.commands import DrawAgreement
from services.card_redemption.domain.recycling.policy import Demand, Settlement
from services.card_redemption.domain.redemption import paying, settling
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.participation import (
    CARD_REDEMPTION,
    CountCompletion,
    RestrictRedeemer,
)
from services.card_redemption.domain.redemption.plans import PayoutPlan
from services.card_redemption.domain.redemption.states import OWING, RedemptionState
from services.card_redemption.domain.redemption.stepping import Stepped
from services.card_redemption.domain.redemption.timers import THAWED_AGAIN
from services.card_redemption.domain.states import CardStanding
from services.card_redemption.sagas import launched
from services.kernel.decision import Command, Known
from services.kernel.messages import Message

_S = RedemptionState


def onward(known: Known, before: RedemptionOrder, step: Stepped, message: Message, now: datetime) -> Stepped:
    """The step, and those that follow from it at once; `before` is the redemption as it was."""
    if step.order.settlement_id or step.order.terms.by_hand:
        return told(before, step)
    return told(before, paid(settled_if_due(known, step, now), message, now))


def resumed(frozen: RedemptionOrder, step: Stepped, message: Message, now: datetime) -> Stepped:
    """A redemption that was `frozen` goes on: its payout is asked for, or, if that came in meanwhile, it is complete;
    all else its timers do."""
    return step if step.order.terms.by_hand else told(frozen, paid(step, message, now))


def settled_if_due(known: Known, step: Stepped, now: datetime) -> Stepped:
    """A verified redemption settles now, or a timer does it when it is due."""
    order = step.order
    if order.state is not _S.VERIFIED:
        return step
    due_at = settles_at(known, order, step.card, now)
    if due_at > now:
        return step.timed(settling.waits_to_settle(order, step.card, due_at))
    return step.then(lambda verified, card: settling.settled(verified, card, now))


def settles_at(known: Known, order: RedemptionOrder, card: GiftCard, now: datetime) -> datetime:
    """When it settles; a condition is waited for in escrow, so that goes there at once (OP-16). While an operator has
    its card frozen nothing settles, and it is looked at again (OP-8)."""
    if card.standing is CardStanding.FROZEN:
        return now + THAWED_AGAIN
    if order.terms.settlement is Settlement.ON_CONDITION:
        return now
    settling_order = Settling(order.accepted_at, order.verified_at or now, order.scheduled_at)
    due_at = BEHAVIOURS[order.terms.settlement].settles_at(settling_order, working_days(known, order.accepted_at))
    return due_at or now


def paid(step: Stepped, message: Message, now: datetime) -> Stepped:
    """A payout that nobody was asked for is asked for; where there is nothing to pay, the redemption is complete."""
    order = step.order
    if order.state not in OWING or order.settlement_id:
        return step
    payout = paying.due_payout(order)
    if payout is None:
        over = order.state in (_S.SETTLED, _S.PAYOUT_RETRY) and not order.transit_minor
        return step.then(lambda done, card: paying.completed_unpaid(done, card, now)) if over else step
    saga_id = fresh("saga", message)
    plan = PayoutPlan(party(order), payout.id, payout.amount_minor, payout.method, order.instrument)
    return launched(step.then(lambda owed, card: paying.payout_begun(owed, card, now, saga_id)), plan, now)


def told(before: RedemptionOrder, step: Stepped) -> Stepped:
    """What the roots beside the card have to hear: the customer's that a redemption is complete, or that a card had
    been spent (RD-25); an agreement's that something was accepted under it, or has another face since (RD-21)."""
    order = step.order
    if before.state is _S.SUBMITTING:
        return _drawn(step) if order.state in (_S.ACCEPTED, _S.SCHEDULED) else step
    if order.face_minor != before.face_minor:
        step = _drawn(step, before.face_minor)
    news = {
        _S.COMPLETED: CountCompletion(order.customer_id, order.id),
        _S.FAILED_CONSUMED: RestrictRedeemer(order.customer_id, order.id, f"{order.id}: {order.reason}"),
    }.get(order.state)
    if news is None or before.state is order.state:
        return step
    return step.sending(Command(CARD_REDEMPTION, order.customer_id, news, id=f"{order.id}/{order.state.lower()}"))


def _drawn(step: Stepped, drawn_minor: int = 0) -> Stepped:
    """The agreement hears of the face, or by how much it is another than what was drawn."""
    order = step.order
    if Demand.AGREEMENT not in order.terms.demands:
        return step
    news = DrawAgreement(order.agreement_id, order.id, order.face_minor - drawn_minor, order.accepted_at)
    name = f"{order.id}/face/{order.version}" if drawn_minor else f"{order.id}/accepted"
    return step.sending(Command(CARD_REDEMPTION, order.agreement_id, news, id=name))
