"""What every step of a leg needs: its id, its row, where its money waits, its next wake-up, and who is told."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.credit_ledger.domain.core.position import Position
from services.credit_ledger.domain.legs import payouts
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.books import Lines
from services.credit_ledger.domain.model.events import BankRefundSettled, BankRefundStepped, LegStepped
from services.credit_ledger.domain.model.leg import OVER, LegState, LegStep, Rail, RefundLeg, SendLeg
from services.kernel.decision import Command, Timer
from services.kernel.errors import NotFound
from services.kernel.ids import derived
from services.kernel.journal import Journal, Unit, post

LEG_TIMER = "leg"
"""The kind of the timer that a leg has until the rail has said its last word."""

HELD_ATTEMPTS_MAX = 6
RETRY_SECONDS = 2
RETRY_SECONDS_MAX = 3600
ASK_SECONDS_MAX = 86_400
"""The longest pause between two questions about a leg that was given up; before that, `RETRY_SECONDS_MAX`."""

ACCEPTED_MAX = timedelta(days=10)
"""A leg that is still accepted after this time is an exception (PM-7)."""


def leg_id(reference: str) -> str:
    """The id of the one leg that this refund, release or payout needs; its idempotency key at the rail."""
    return derived("leg", reference)


def rejected_leg_id(order_id: str) -> str:
    """The id of the leg that gives the bank payment of a rejected order back: one for each order, for good (PM-5)."""
    return leg_id(f"{order_id}/rejected")


def found(position: Position, identity: str) -> RefundLeg:
    """The leg; LEG_NOT_FOUND if there is none."""
    leg = position.find(RefundLeg, identity)
    if leg is None:
        raise NotFound("LEG_NOT_FOUND", f"there is no leg {identity}")
    return leg


def moved(position: Position, leg: RefundLeg, state: LegState, **changes: Any) -> RefundLeg:  # fields of RefundLeg
    """The leg in another state, from now on."""
    since = leg.since if leg.state is state else position.at
    return replace(leg, state=state, moved_at=since, updated_at=position.at, **changes)


def transit(leg: RefundLeg) -> tuple[str, str]:
    """Where the money of a leg waits."""
    if leg.rail is Rail.CARD:
        return books.TRANSIT_CARD, ""
    return books.TRANSIT_PAYOUT, leg.payout_id or leg.reference


def channel(rail: Rail) -> str:
    """Which of our accounts a payment of the rail comes out of."""
    return books.CARD_CHANNEL if rail is Rail.CARD else books.BANK


def settle_op(rail: Rail) -> str:
    """The operation code of a payment of the rail (P7)."""
    return "card_refund_settled" if rail is Rail.CARD else "payout_settled"


def paid_op(leg: RefundLeg) -> str:
    """The operation code of the payment of a leg (P7, P28)."""
    return payouts.OP if leg.payout_id else settle_op(leg.rail)


def out_of_transit(leg: RefundLeg, op: str, *against: tuple[str, str, int]) -> tuple[Journal, ...]:
    """What the rail was to pay leaves the transit, against these lines."""
    account, sub = transit(leg)
    return _taken_in(leg) + post(op, Unit.CNY, ((account, sub, leg.sent_minor), *against), leg.order_id)


def send(leg: RefundLeg) -> SendLeg:
    """The request to the rail."""
    return SendLeg(leg.id, leg.account_id, leg.rail, leg.reference, leg.sent_minor)


def switch_of(rail: Rail) -> str:
    """The operators' switch of a rail."""
    return f"rail.{rail.value.lower()}"


SWITCHES = tuple(map(switch_of, Rail))


def stopped(position: Position, leg: RefundLeg) -> bool:
    """Whether operators have stopped the rail of the leg: nothing new is sent on it, what was sent is asked about."""
    return switch_of(leg.rail) in position.known.stopped


def held(leg: RefundLeg) -> int:
    """How many attempts a leg has that waits for its rail to be let go: they make its pause longer, up to some two
    minutes, and never it an exception."""
    return max(leg.attempts, min(leg.attempts + 1, HELD_ATTEMPTS_MAX))


def retry(leg: RefundLeg, now: datetime) -> Timer:
    """The next wake-up, after a pause that grows; an accepted leg is looked at when its time is over."""
    longest = ASK_SECONDS_MAX if leg.given_up else RETRY_SECONDS_MAX
    due_at = now + timedelta(seconds=min(RETRY_SECONDS * 2 ** min(leg.attempts, 16), longest))
    if leg.state is LegState.ACCEPTED:
        due_at = min(due_at, max(leg.since + ACCEPTED_MAX, now + timedelta(seconds=RETRY_SECONDS)))
    return Timer(LEG_TIMER, leg.id, leg.account_id, due_at)


def stepped(position: Position, leg: RefundLeg, step: LegStep) -> Position:
    """The position with a step of a leg told: to subscribers, and to the order whose customer waits for the money."""
    fact = LegStepped(
        account_id=leg.account_id, leg_id=leg.id, order_id=leg.order_id, refund_id=leg.refund_id, step=step,
        amount_minor=leg.amount_minor, detail=leg.detail,
    )
    return position.plus(event=fact, commands=notice(position, leg, step))


def notice(position: Position, leg: RefundLeg, step: LegStep) -> tuple[Command, ...]:
    """What the order of a bank-card leg, or the card of a payout, learns of it beside its end; the number of the event
    makes it one of its own."""
    number = position.before.sequence + len(position.events) + 1
    identity = f"stepped/{leg.id}/{number}"
    if leg.payout_id:
        return payouts.notice(position, leg, step, identity)
    if leg.rail is not Rail.CARD:
        return ()
    body = BankRefundStepped(
        order_id=leg.order_id, refund_id=leg.refund_id, leg_id=leg.id, step=step, amount_minor=leg.amount_minor,
        at=position.at, detail=leg.detail,
    )
    return (Command("order", leg.order_id, body, id=identity),)


def arrived(
    position: Position, leg: RefundLeg, *, rerouted: bool = False, manual: bool = False, name: str = "settled"
) -> Position:
    """The position with the customer's having the money told: to the order of a bank-card refund, or to the card of a
    payout; once under each `name`."""
    if leg.payout_id:
        payout = payouts.of(position, leg)
        return payouts.paid(position, payout, rerouted=rerouted, manual=manual, told_as=name) if payout else position
    if leg.rail is not Rail.CARD:
        return position
    body = BankRefundSettled(
        order_id=leg.order_id, refund_id=leg.refund_id, leg_id=leg.id, amount_minor=leg.amount_minor,
        rerouted=rerouted, manual=manual,
    )
    return position.plus(commands=(Command("order", leg.order_id, body, id=f"{name}/{leg.id}"),))


def _taken_in(leg: RefundLeg) -> tuple[Journal, ...]:
    """How the bank payment of a rejected order came in and went out (P3, P6). The refusal posts nothing, so both are
    posted with the end of its leg; every other leg has its money in transit since it was launched."""
    if leg.id != rejected_leg_id(leg.order_id) or leg.state in OVER:
        return ()
    order_id, amount = leg.order_id, leg.amount_minor
    taken: Lines = ((books.CARD_CHANNEL, "", amount), (books.DEPOSIT, order_id, -amount))
    returned: Lines = ((books.DEPOSIT, order_id, amount), (books.TRANSIT_CARD, "", -amount))
    return post("deposit", Unit.CNY, taken, order_id) + post("deposit_return", Unit.CNY, returned, order_id)
