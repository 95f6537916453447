"""The payouts of a redemption that the credit ledger has: it is asked to stop them, one after another (OP-2, OP-8)."""

from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption import books
from services.card_redemption.domain.redemption.order import Payout, RedemptionOrder
from services.card_redemption.domain.redemption.settling import payout_name
from services.card_redemption.domain.redemption.states import PayoutState, Step
from services.card_redemption.domain.redemption.stepping import Stepped, stepped
from services.card_redemption.domain.redemption.timers import PAY

HOLD = "payout_hold"
"""The operation code of what is owed under another id from now on."""


def to_stop(order: RedemptionOrder, after: str = "") -> Payout | None:
    """The next payout that the credit ledger has and may still stop, behind this one."""
    ids = [each.id for each in order.payouts]
    behind = order.payouts[ids.index(after) + 1 :] if after in ids else order.payouts
    return next((each for each in behind if each.state is PayoutState.SENT), None)


def stop_begun(order: RedemptionOrder, card: GiftCard, saga_id: str, now: datetime) -> Stepped:
    """The credit ledger is asked whether the payout can be stopped (OP-2)."""
    return stepped(order, card, now, Step.PAYOUT_STOPPING, settlement_id=saga_id).cleared((PAY, order.id))


def not_stopped(order: RedemptionOrder, card: GiftCard, now: datetime) -> Stepped:
    """It is at the bank, or paid: from now on it counts as paid."""
    return stepped(order, card, now, Step.PAYOUT_NOT_STOPPED, settlement_id="")


def held(order: RedemptionOrder, card: GiftCard, payout_id: str, now: datetime) -> Stepped:
    """A payout that was stopped is owed as before, under a new id: it is asked for again once nothing stands against it
    (OP-8)."""
    stopped = next(each for each in order.payouts if each.id == payout_id)
    again = Payout(payout_name(order), stopped.amount_minor, order.method)
    payouts = tuple(
        each._replace(state=PayoutState.STOPPED) if each.id == payout_id else each for each in order.payouts
    )
    lines = (
        (books.PAYOUT_TRANSIT, payout_id, stopped.amount_minor), *books.to_pay(again.id, again.amount_minor),
    )
    return stepped(
        order, card, now, Step.PAYOUT_HELD, op=HOLD, lines=lines, payouts=(*payouts, again),
        settlement_id="",
    )
