"""Escrow, schedules, and the steps that an operator lets a redemption take (OP-16, A18)."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.decisions.enterprise import cutoff_of, must_be_under_agreement
from services.card_redemption.decisions.redemptions import releasing
from services.card_redemption.decisions.redemptions.finding import redemption_of, standing_of
from services.card_redemption.decisions.redemptions.onward import onward, paid, told
from services.card_redemption.domain.cards.card import GiftCard, refuse_unless
from services.card_redemption.domain.cards.closing import looked_at
from services.card_redemption.domain.enterprise.batch import RevocationItem
from services.card_redemption.domain.enterprise.commands import RevokeRedemption
from services.card_redemption.domain.recycling.enterprise import Revocation
from services.card_redemption.domain.redemption import (
    enterprise,
    paying,
    settling,
    submitting,
    taking_back,
    verifying,
)
from services.card_redemption.domain.redemption.commands import (
    AdvanceRedemption,
    EditSchedule,
    MeetEscrowCondition,
)
from services.card_redemption.domain.redemption.order import RedemptionOrder, refuse_while_settling
from services.card_redemption.domain.redemption.redeemer import must_be_admitted
from services.card_redemption.domain.redemption.releasing import BATCH
from services.card_redemption.domain.redemption.states import OWING, RedemptionState
from services.card_redemption.domain.redemption.stepping import Stepped
from services.card_redemption.domain.redemption.timers import verification_timer, waking
from services.card_redemption.domain.states import CardStanding
from services.kernel.decision import Command, Decision, Done, Known
from services.kernel.errors import FailedPrecondition
from services.kernel.messages import Message, TimerDue

_S = RedemptionState
_BEFORE_SETTLING = frozenset({_S.ACCEPTED, _S.VERIFYING, _S.VERIFIED})
"""Where the next step needs the card that the redemption has claimed."""


def advance(known: Known, body: AdvanceRedemption, message: Message, now: datetime) -> Decision:
    """The next step of a redemption that an operator leads: verify, ask the provider again, settle, pay, and once it is
    paid send what a lower face left on its card to the wallet. While its card is frozen nothing is read, settled or
    put in escrow (OP-8): who leads it comes again after the thaw (D94)."""
    order, card = redemption_of(known, body.redemption_id, message.key)
    refuse_while_settling(order)
    if not order.terms.by_hand:
        raise FailedPrecondition("NOT_BY_HAND", f"{order.id} goes on by itself")
    if order.state in _BEFORE_SETTLING:
        refuse_unless(card, CardStanding.CLAIMED)
    if order.state is _S.VERIFYING:
        return replace(verifying.asked_again(order, card, now), outcome=Done(order))
    if order.state is _S.COMPLETED and not order.transit_minor and taking_back.left_on_card(order, card):
        return Decision(Done(order), timers=(looked_at(card, now),))  # D143
    return told(order, _next(order, card, body, message, now)).decided()


def _next(
    order: RedemptionOrder, card: GiftCard, body: AdvanceRedemption, message: Message, now: datetime
) -> Stepped:
    if order.state is _S.ACCEPTED:
        return verifying.started(order, card, now)
    if order.state is _S.VERIFIED:
        return settling.settled(order, card, now)
    waits = order.state in (_S.SETTLED, _S.PAYOUT_RETRY) or order.transit_minor
    if order.state in OWING and waits:
        return paid(Stepped(paying.redirected(order, card, body.method, body.instrument), card), message, now)
    raise FailedPrecondition("REDEMPTION_STATE", f"{order.id} is {order.state}")


def condition_met(known: Known, body: MeetEscrowCondition, message: Message, now: datetime) -> Decision:
    """The condition is met in time: the value is released, and paid; while the card is frozen that is noted, and done
    once it is free (OP-8)."""
    order, card = redemption_of(known, body.redemption_id, message.key)
    if card.standing is CardStanding.FROZEN:
        return _noted(order, card, now)
    return onward(known, order, settling.condition_met(order, card, now), message, now).decided()


def _noted(order: RedemptionOrder, card: GiftCard, now: datetime) -> Decision:
    """What an operator leads has a condition once he has put it in escrow, frozen or not (D94)."""
    refuse_while_settling(order)
    if settling.is_met(order):
        return Decision(Done(order))
    if order.terms.by_hand and order.stands is not _S.ESCROWED:
        raise FailedPrecondition("REDEMPTION_STATE", f"{order.id} is {order.stands}")
    return settling.condition_noted(order, card, now).decided()


def escrow_over(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer, a microsecond after the deadline: the value goes back to the card (OP-16), unless the condition was met
    while that was frozen. One that rings before takes nothing back: an earlier release set it so for what it forgot."""
    order = known.find(RedemptionOrder, body.key)
    if order is None or order.state is not _S.ESCROWED:
        return Decision()
    order, card = redemption_of(known, order.id, message.key)
    refuse_while_settling(order)
    if order.deadline is None or now <= order.deadline:
        return Decision(timers=waking(order, now))
    return settling.escrow_over(order, card, now).decided()


def condition_was_met(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer: what was met while the card was frozen is released once that is free, and looked at again until then."""
    order = known.find(RedemptionOrder, body.key)
    if order is None or order.state is not _S.ESCROWED or not settling.is_met(order):
        return Decision()
    order, card = redemption_of(known, order.id, message.key)
    refuse_while_settling(order)
    if card.standing is CardStanding.FROZEN:
        return Decision(timers=settling.met_later(order, now))
    return onward(known, order, settling.condition_met(order, card, now), message, now).decided()


def schedule_reached(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer: a scheduled redemption goes on."""
    order = known.find(RedemptionOrder, body.key)
    if order is None or order.state is not _S.SCHEDULED:
        return Decision()
    order, card = redemption_of(known, order.id, message.key)
    reached = enterprise.schedule_reached(order, card, now)
    return reached.timed(*verification_timer(reached.order, now)).decided()


def edit_schedule(known: Known, body: EditSchedule, message: Message, now: datetime) -> Decision:
    """Change what is scheduled, until the cut-off of its agreement; what comes of it could be submitted now: under the
    agreement, by this customer, of this face (1.9, RD-23, RD-25)."""
    order, card = redemption_of(known, body.redemption_id, message.key, body.customer_id)
    changed = enterprise.edited(order, card, body, now, cutoff_of(known, order.agreement_id))
    must_be_under_agreement(known, order.terms, order.agreement_id, order.customer_id, now)
    must_be_admitted(standing_of(known, order.customer_id), submitting.counted_minor(changed.order, card))
    return told(order, changed).decided()


def revoke(known: Known, body: RevokeRedemption, message: Message, now: datetime) -> Decision:
    """Notice: one order of a batch is revoked, or not; the agreement hears which (A19), where a provider has the code
    once that has answered."""
    order = known.find(RedemptionOrder, body.redemption_id)
    if order is None or order.agreement_id != body.agreement_id or order.card_id != message.key:
        return Decision(commands=(_revoked(body, message, Revocation.DENY_NOT_FOUND),))
    order, card = redemption_of(known, order.id, message.key)
    refuse_while_settling(order)
    result = enterprise.judged_revocation(order, body.requested_at)
    if result is not Revocation.REVOKED:
        return Decision(commands=(_revoked(body, message, result),))
    step = releasing.revoked(order, card, now, (f"{BATCH}{body.batch_id}",))
    if step.order.state is _S.REVOKING:
        return step.decided()
    return step.sending(_revoked(body, message, result, order.face_minor)).decided()


def _revoked(body: RevokeRedemption, message: Message, result: Revocation, face_minor: int = 0) -> Command:
    item = RevocationItem(body.redemption_id, message.key, result, face_minor)
    return releasing.result_of(body.agreement_id, body.batch_id, item, message.id)
