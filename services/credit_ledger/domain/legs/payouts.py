"""What the legs of a redemption's payout mean for it, and what its card learns (P28, PM-3)."""

from dataclasses import replace
from datetime import datetime, timedelta

from services.credit_ledger.domain.core.position import Position
from services.credit_ledger.domain.model.leg import LegStep, RefundLeg
from services.credit_ledger.domain.model.payout import PayoutState, RedemptionPayout
from services.credit_ledger.domain.model.redemption_events import (
    RedemptionPaidOut,
    RedemptionPayoutSettled,
    RedemptionPayoutStepped,
)
from services.kernel.decision import Command, Timer

OP = "payout"
"""The operation code of everything that pays a redemption (P28)."""

PAYOUT_TIMER = "payout"
"""The kind of the timer that a payout has while nothing of it is under way."""

ATTEMPTS_MAX = 3
"""After so many legs that the bank refused, a payout goes into the wallet (PM-3)."""

PAUSE = timedelta(minutes=1)
"""How long a payout waits before it is looked at again; behind each leg that was refused it is twice as long."""


def of(position: Position, leg: RefundLeg) -> RedemptionPayout | None:
    """The payout that a leg carries; None in a replay that begins behind it."""
    return position.find(RedemptionPayout, leg.payout_id)


def paid(
    position: Position, payout: RedemptionPayout, *, rerouted: bool = False, manual: bool = False, told_as: str = ""
) -> Position:
    """The position with a payout that the customer has; its card learns it under this name, or not at all."""
    state = PayoutState.REROUTED if rerouted else PayoutState.SETTLED
    after = replace(payout, state=state, moved_at=position.at)
    position = position.plus(
        after, cleared=((PAYOUT_TIMER, payout.id),),
        event=RedemptionPaidOut(payout.account_id, payout.id, payout.order_id, payout.amount_minor, rerouted),
    )
    if not told_as:
        return position
    body = RedemptionPayoutSettled(
        order_id=payout.order_id, payout_id=payout.id, card_id=payout.card_id, amount_minor=payout.amount_minor,
        at=position.at, rerouted=rerouted, manual=manual,
    )
    return position.plus(commands=(Command("card_redemption", payout.card_id, body, id=f"{told_as}/{payout.id}"),))


def given_up(position: Position, leg: RefundLeg) -> bool:
    """Whether the bank refused as many legs of the payout as it is given."""
    payout = of(position, leg)
    return payout is not None and payout.attempts >= ATTEMPTS_MAX


def tried_again_later(position: Position, leg: RefundLeg) -> Position:
    """The position with the payout waiting for its next leg."""
    payout = of(position, leg)
    if payout is None:
        return position
    after = replace(payout, state=PayoutState.WAITING, moved_at=position.at)
    return position.plus(after, timers=(timer(after),))


def timer(payout: RedemptionPayout, now: datetime | None = None) -> Timer:
    """When a payout that waits is looked at: after its pause, or within one `PAUSE` of now."""
    due_at = payout.moved_at + PAUSE * 2 ** payout.attempts if now is None else now + PAUSE
    return Timer(PAYOUT_TIMER, payout.id, payout.account_id, due_at)


def notice(position: Position, leg: RefundLeg, step: LegStep, identity: str) -> tuple[Command, ...]:
    """What the card learns of a leg beside its end."""
    payout = of(position, leg)
    if payout is None:
        return ()
    body = RedemptionPayoutStepped(
        order_id=payout.order_id, payout_id=payout.id, card_id=payout.card_id, leg_id=leg.id, step=step,
        amount_minor=leg.amount_minor, at=position.at, detail=leg.detail,
    )
    return (Command("card_redemption", payout.card_id, body, id=identity),)
