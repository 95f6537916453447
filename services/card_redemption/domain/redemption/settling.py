"""A verified redemption settles, through escrow where it waits for a condition, or is revoked (P26, P27, P33, OP-7)."""

from datetime import datetime

from services.card_redemption.domain.books import GIFT_CARD
from services.card_redemption.domain.cards.card import CardStep, GiftCard
from services.card_redemption.domain.cards.redeeming import restore, revalue, unclaim, write_off
from services.card_redemption.domain.recycling.policy import Settlement
from services.card_redemption.domain.recycling.windows import Verification
from services.card_redemption.domain.redemption import books
from services.card_redemption.domain.redemption.order import (
    Payout,
    RedemptionOrder,
    must_stand,
    refuse_while_settling,
)
from services.card_redemption.domain.redemption.states import RedemptionState, Step
from services.card_redemption.domain.redemption.stepping import Stepped, Turn, stepped
from services.card_redemption.domain.redemption.timers import (
    ESCROW_ENDS,
    ESCROW_MET,
    RELEASE,
    REVIEW,
    SCHEDULE,
    SETTLE,
    THAWED_AGAIN,
    VERIFY,
    waking,
)
from services.kernel.decision import Timer
from services.kernel.errors import FailedPrecondition
from services.kernel.ids import derived

_S = RedemptionState


def waits_to_settle(order: RedemptionOrder, card: GiftCard, at: datetime) -> Timer:
    """What settles it later."""
    return Timer(SETTLE, order.id, card.id, at)


def settled(order: RedemptionOrder, card: GiftCard, now: datetime) -> Stepped:
    """The value leaves the card, the customer is owed the payout, the rest is ours; or it waits in escrow first."""
    refuse_while_settling(order)
    must_stand(order, _S.VERIFIED)
    if order.terms.settlement is Settlement.ON_CONDITION:
        return _escrowed(order, card, now).cleared((SETTLE, order.id))
    turn = _writing_off(order, order.face_minor)
    return _settled(order, card, now, Step.SETTLED, op="settle", held=GIFT_CARD, turn=turn).cleared((SETTLE, order.id))


def _escrowed(order: RedemptionOrder, card: GiftCard, now: datetime) -> Stepped:
    """The value waits for the condition, which has until the deadline (OP-16); one that was met already lets it go at
    once."""
    waits = stepped(
        order, card, now, Step.ESCROWED, op="escrow", lines=books.escrowed(order), state=_S.ESCROWED,
        turn=None if order.by_recycler else lambda held: revalue(held, order.id, "escrow", -order.face_minor),
    )
    return waits.timed(*waking(waits.order, now))


def is_met(order: RedemptionOrder) -> bool:
    """Whether its condition was met while its card was frozen: it has no deadline any more (OP-8)."""
    return _waits_for_condition(order) and order.deadline is None


def condition_noted(order: RedemptionOrder, card: GiftCard, now: datetime) -> Stepped:
    """The condition is met while the card is frozen: windows run on, so that counts by now, and the value is released
    once the card is free (OP-8, OP-16)."""
    refuse_while_settling(order)
    if not _waits_for_condition(order):
        raise FailedPrecondition("REDEMPTION_STATE", f"{order.id} is {order.stands}")
    _must_be_in_time(order, now)
    noted = stepped(order, card, now, Step.CONDITION_MET, deadline=None)
    return noted.cleared((ESCROW_ENDS, order.id)).timed(*met_later(noted.order, now))


def met_later(order: RedemptionOrder, now: datetime) -> tuple[Timer, ...]:
    """What looks again whether the card of a met condition is free; before its escrow all else wakes it."""
    if order.state is not _S.ESCROWED:
        return ()
    return (Timer(ESCROW_MET, order.id, order.card_id, now + THAWED_AGAIN),)


def condition_met(order: RedemptionOrder, card: GiftCard, now: datetime) -> Stepped:
    """The condition is met, now or while the card was frozen."""
    refuse_while_settling(order)
    must_stand(order, _S.ESCROWED)
    _must_be_in_time(order, now)
    turn = _writing_off(order, 0)
    released = _settled(
        order, card, now, Step.ESCROW_RELEASED, op="escrow_release", held=books.ESCROW, turn=turn
    )
    return released.cleared((ESCROW_ENDS, order.id), (ESCROW_MET, order.id))


def _waits_for_condition(order: RedemptionOrder) -> bool:
    """It is in escrow, or on its way there, which a freeze holds up while its window runs on (OP-8)."""
    on_its_way = (_S.ACCEPTED, _S.CANCEL_REVIEW, _S.VERIFYING, _S.VERIFIED, _S.ESCROWED)
    return order.terms.settlement is Settlement.ON_CONDITION and order.stands in on_its_way


def _must_be_in_time(order: RedemptionOrder, now: datetime) -> None:
    """The deadline itself is in time, a microsecond later is not (OP-16)."""
    if order.deadline is not None and now > order.deadline:
        raise FailedPrecondition("ESCROW_OVER", f"the condition of {order.id} had until {order.deadline}")


def escrow_over(order: RedemptionOrder, card: GiftCard, now: datetime) -> Stepped:
    """The condition was not met in time: a card of ours has its value back, under a new code; of another issuer's no
    other code is known than the one that it has (P33, OP-7)."""
    must_stand(order, _S.ESCROWED)
    revoked = stepped(
        order, card, now, Step.ESCROW_REVOKED, op="escrow_revoke", lines=books.escrow_revoked(order),
        turn=_giving_back if order.by_recycler else lambda held: restore(held, order.id, order.face_minor),
        state=_S.REVOKED, reason="ESCROW_OVER",
    )
    return revoked.cleared((ESCROW_ENDS, order.id))


def revoked(
    order: RedemptionOrder, card: GiftCard, now: datetime, evidence: tuple[str, ...] = (), *, reason: str = ""
) -> Stepped:
    """Taken back before it settles: by support with evidence, by an enterprise (RD-30), or for a `reason` of its own.

    Once the code was read it is dead: a card of ours comes back under a new one. That of another issuer is good again,
    for its provider has let go of it (OP-7).
    """
    unread = order.by_recycler or order.verification is Verification.NONE
    turn: Turn = _giving_back if unread else _renewing
    taken = stepped(
        order, card, now, Step.REVOKED, turn=lambda held: turn(held), state=_S.REVOKED, settlement_id="",
        verification_code=None, evidence=evidence or order.evidence, reason=reason or order.reason,
    )
    return taken.cleared(*((kind, order.id) for kind in (VERIFY, SETTLE, SCHEDULE, REVIEW, RELEASE)))


def _giving_back(card: GiftCard) -> CardStep:
    return unclaim(card, card.claimed_by)


def _renewing(card: GiftCard) -> CardStep:
    return restore(card, card.claimed_by, 0)


def _writing_off(order: RedemptionOrder, face_minor: int) -> Turn:
    value_minor = 0 if order.by_recycler else face_minor
    return lambda held: write_off(held, order.id, value_minor)


def _settled(
    order: RedemptionOrder, card: GiftCard, now: datetime, step: Step, *, op: str, held: str, turn: Turn
) -> Stepped:
    payout_id, payout_minor = payout_name(order), order.payout_minor
    lines = books.faced(order, 0, order.face_minor, books.to_pay(payout_id, payout_minor), held)
    payouts = (Payout(payout_id, payout_minor, order.method),) if payout_minor else ()
    return stepped(
        order, card, now, step, op=op, lines=lines, turn=turn, state=_S.SETTLED, settled_at=now, payouts=payouts,
        reason="",
    )


def payout_name(order: RedemptionOrder) -> str:
    """The id of its next payout."""
    return derived("pay", order.id, str(len(order.payouts) + 1))
