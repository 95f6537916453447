"""A settled redemption whose face was wrong, or that never should have been (P31, P32, P34, RD-21, RD-33, OP-2, OP-8).

What is taken back comes out of the payout while that is not paid: only a confirmed stop of the credit ledger says so.
What was paid already the customer owes, and the credit ledger claims it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.card_redemption.domain.books import Lines
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.redeeming import restore, revalue
from services.card_redemption.domain.redemption import books
from services.card_redemption.domain.redemption.order import Payout, RedemptionOrder
from services.card_redemption.domain.redemption.settling import payout_name
from services.card_redemption.domain.redemption.states import PAYABLE, PayoutState, RedemptionState, Step
from services.card_redemption.domain.redemption.stepping import Stepped, Turn, stepped
from services.card_redemption.domain.redemption.timers import PAY
from services.kernel.errors import FailedPrecondition
from services.kernel.money import amount

_S = RedemptionState


class Cause(StrEnum):
    """Why something is taken back; the operation code of its journals."""

    FACE_CLAWBACK = "face_clawback"
    FAULT_REVERSAL = "fault_reversal"
    FRAUD_CLOSE = "fraud_close"
    PAYOUT_HOLD = "payout_hold"
    """Nothing is taken back: a payout that was sent waits until a fraud is decided (OP-8)."""


@dataclass(frozen=True, slots=True)
class TakeBack:
    """What is to be taken back: down to this face, 0 for all of it."""

    cause: Cause
    face_minor: int = 0

    def owed_minor(self, order: RedemptionOrder) -> int:
        """What of the payout comes back."""
        return order.payout_minor - order.terms.payout_minor(self.face_minor)


def must_be_correctable(order: RedemptionOrder, actual_minor: int) -> None:
    """The face of a settled redemption may be corrected; where nothing moves there is nothing to correct."""
    if order.state not in PAYABLE:
        raise FailedPrecondition("REDEMPTION_STATE", f"{order.id} is {order.state}: it has not settled")
    amount(actual_minor, "a face")
    refuse_two_in_transit(order)


def refuse_two_in_transit(order: RedemptionOrder) -> None:
    """While one payout is paid and another under way, nobody can say which of them is to be taken back."""
    paid = any(payout.state is PayoutState.PAID for payout in order.payouts)
    if len(open_payouts(order)) > 1 or (paid and open_payouts(order)):
        raise FailedPrecondition("PAYOUT_IN_TRANSIT", f"a top-up of {order.id} is on its way")


def open_payouts(order: RedemptionOrder) -> tuple[Payout, ...]:
    """The payouts that are decided and not paid."""
    return tuple(each for each in order.payouts if each.state in (PayoutState.DUE, PayoutState.SENT))


def counts_as_paid(order: RedemptionOrder) -> bool:
    """Whether its payouts are on their way for good, for a part of them was claimed already: stopped after all, more
    would come back than it owes."""
    return order.claimed_minor > 0 and all(each.state is PayoutState.SENT for each in open_payouts(order))


def topped_up(order: RedemptionOrder, card: GiftCard, actual_minor: int, now: datetime) -> Stepped:
    """The card was worth more than it was paid for: the rest is paid at once (P31)."""
    more_minor = order.terms.payout_minor(actual_minor) - order.payout_minor
    waits = next((payout for payout in order.payouts if payout.state is PayoutState.DUE), None)
    payout = waits or Payout(payout_name(order), 0, order.method)
    raised = payout._replace(amount_minor=payout.amount_minor + more_minor)
    others = tuple(each for each in order.payouts if each.id != payout.id)
    lines = books.faced(order, order.face_minor, actual_minor, books.to_pay(payout.id, more_minor))
    return stepped(
        order, card, now, Step.FACE_TOPPED_UP, op="face_topup", lines=lines, face_minor=actual_minor,
        payouts=(*others, raised) if raised.amount_minor else others,
        turn=_revaluing(order, "face_topup", order.face_minor - actual_minor),
    )


def taken_back_unpaid(order: RedemptionOrder, card: GiftCard, what: TakeBack, now: datetime) -> Stepped:
    """It comes out of the payout, which is stopped: what is left of it is a payout of its own."""
    stopped, rest_minor = open_payouts(order), order.terms.payout_minor(what.face_minor)
    others = tuple(
        each._replace(state=PayoutState.STOPPED) if each in stopped else each for each in order.payouts
    )
    rest = Payout(payout_name(order), rest_minor, order.method)
    customer = (
        *((books.PAYOUT_TRANSIT, each.id, each.amount_minor) for each in stopped),
        *books.to_pay(rest.id, rest_minor),
    )
    payouts = (*others, rest) if rest_minor else others
    return _taken_back(order, card, what, customer=customer, payouts=payouts, now=now)


def taken_back_paid(order: RedemptionOrder, card: GiftCard, what: TakeBack, saga_id: str, now: datetime) -> Stepped:
    """The customer owes it; the credit ledger has the other leg (3.3)."""
    claimed = books.claimed(saga_id, what.owed_minor(order))
    return _taken_back(order, card, what, customer=claimed, payouts=order.payouts, now=now)


def taken_back_alone(order: RedemptionOrder, card: GiftCard, what: TakeBack, now: datetime) -> Stepped:
    """The payout stays what it was, by the fractions that it drops (CV-3): nobody is asked."""
    return _taken_back(order, card, what, customer=(), payouts=order.payouts, now=now)


def stop_begun(order: RedemptionOrder, card: GiftCard, saga_id: str, now: datetime) -> Stepped:
    """The credit ledger is asked whether the payout can be stopped (OP-2)."""
    return stepped(order, card, now, Step.PAYOUT_STOPPING, settlement_id=saga_id).cleared((PAY, order.id))


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
        order, card, now, Step.PAYOUT_HELD, op=Cause.PAYOUT_HOLD.value, lines=lines, payouts=(*payouts, again),
        settlement_id="",
    )


def to_hold(order: RedemptionOrder, after: str = "") -> Payout | None:
    """The next payout of a frozen redemption that the credit ledger has and may still stop, behind this one."""
    ids = [each.id for each in order.payouts]
    behind = order.payouts[ids.index(after) + 1 :] if after in ids else order.payouts
    return next((each for each in behind if each.state is PayoutState.SENT), None)


def not_stopped(order: RedemptionOrder, card: GiftCard, now: datetime) -> Stepped:
    """It is at the bank, or paid: from now on it counts as paid."""
    return stepped(order, card, now, Step.PAYOUT_NOT_STOPPED, settlement_id="")


def claim_begun(order: RedemptionOrder, card: GiftCard, saga_id: str, now: datetime) -> Stepped:
    """The credit ledger is asked to claim what was paid."""
    return stepped(order, card, now, Step.CLAIM_BEGUN, settlement_id=saga_id)


def claim_refused(order: RedemptionOrder, card: GiftCard, now: datetime, reason: str) -> Stepped:
    """Neither book has it; whoever asked may ask again."""
    return stepped(order, card, now, Step.CLAIM_REFUSED, settlement_id="", reason=reason)


_ENDS: dict[Cause, tuple[Step, RedemptionState | None]] = {
    Cause.FACE_CLAWBACK: (Step.FACE_CLAWED_BACK, None),
    Cause.FAULT_REVERSAL: (Step.FAULT_REVERSED, _S.FAULT_REVERSED),
    Cause.FRAUD_CLOSE: (Step.CLOSED_FRAUD, _S.CLOSED_FRAUD),
}


def _taken_back(
    order: RedemptionOrder, card: GiftCard, what: TakeBack, *, customer: Lines, payouts: tuple[Payout, ...],
    now: datetime,
) -> Stepped:
    step, state = _ENDS[what.cause]
    value_minor = order.face_minor - what.face_minor
    taken = stepped(
        order, card, now, step, op=what.cause.value, payouts=payouts, settlement_id="", reason="",
        lines=books.faced(order, order.face_minor, what.face_minor, customer),
        turn=_revaluing(order, what.cause.value, value_minor) if state is None else _restoring(order, value_minor),
        state=state or order.state, face_minor=what.face_minor if state is None else order.face_minor,
        frozen_from=None if state else order.frozen_from,
        claimed_minor=order.claimed_minor + (0 if _in_transit(customer) else what.owed_minor(order)),
    )
    return taken.cleared((PAY, order.id))


def _in_transit(customer: Lines) -> bool:
    return all(account == books.PAYOUT_TRANSIT for account, _, _ in customer)


def _revaluing(order: RedemptionOrder, op: str, change_minor: int) -> Turn | None:
    """A card of ours gets so much, or (below 0) gives it; another issuer's has no value here."""
    if order.by_recycler:
        return None
    return lambda held: revalue(held, order.id, op, change_minor)


def _restoring(order: RedemptionOrder, value_minor: int) -> Turn | None:
    """The value is issued again, under a new code (RD-2); another issuer's card stays written off."""
    return None if order.by_recycler else lambda held: restore(held, order.id, value_minor)


