"""A settled redemption whose face was wrong, or that never should have been (P31, P32, P34, RD-21, RD-33, OP-2, OP-8).

What is taken back comes out of the payouts that nobody has: only a confirmed stop of the credit ledger says so. What
they do not cover was paid, or will be: the customer owes it, and the credit ledger claims it. What of them is left is a
payout of its own, also where all is taken back: then it is what had been claimed of a payout that was stopped after it.

A card of ours whose face falls gets value back that nobody can use there, for its code is dead (RD-2). It waits a day,
in which the face may be corrected once more, and goes into its owner's wallet (PM-3); where an operator leads the
redemption, it waits for him (D143).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.card_redemption.domain.books import Lines
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.closing import looked_at_again
from services.card_redemption.domain.cards.redeeming import restore, revalue
from services.card_redemption.domain.redemption import books
from services.card_redemption.domain.redemption.order import Payout, RedemptionOrder
from services.card_redemption.domain.redemption.settling import payout_name
from services.card_redemption.domain.redemption.states import PAYABLE, PayoutState, RedemptionState, Step
from services.card_redemption.domain.redemption.stepping import Stepped, Turn, stepped
from services.card_redemption.domain.redemption.stopping import HOLD
from services.card_redemption.domain.redemption.timers import PAY
from services.kernel.errors import FailedPrecondition, InvalidArgument
from services.kernel.money import amount

_S = RedemptionState


class Cause(StrEnum):
    """Why something is taken back; the operation code of its journals."""

    FACE_CLAWBACK = "face_clawback"
    FAULT_REVERSAL = "fault_reversal"
    FRAUD_CLOSE = "fraud_close"
    PAYOUT_HOLD = HOLD
    """Nothing is taken back: a payout that was sent waits until a fraud is decided (OP-8)."""


@dataclass(frozen=True, slots=True)
class TakeBack:
    """What is to be taken back: down to this face, 0 for all of it. `asked` is the call for which, as the record names
    it (RD-31); "" if none was, or an older release began it."""

    cause: Cause
    face_minor: int = 0
    asked: str = ""

    def owed_minor(self, order: RedemptionOrder) -> int:
        """What of the payout comes back."""
        return order.payout_minor - order.terms.payout_minor(self.face_minor)


def must_be_correctable(order: RedemptionOrder, actual_minor: int) -> None:
    """The face of a settled redemption may be corrected, but not to nothing; where nothing moves there is nothing to
    correct."""
    if order.state not in PAYABLE:
        raise FailedPrecondition("REDEMPTION_STATE", f"{order.id} is {order.state}: it has not settled")
    if not amount(actual_minor, "a face"):
        raise InvalidArgument("INVALID_AMOUNT", "a face of 0 fen is none; what never should have been is undone")
    if actual_minor != order.face_minor:
        refuse_two_in_transit(order)


def refuse_two_in_transit(order: RedemptionOrder) -> None:
    """While one payout is paid and another under way, nobody can say which of them is to be taken back."""
    paid = any(payout.state is PayoutState.PAID for payout in order.payouts)
    if len(open_payouts(order)) > 1 or (paid and open_payouts(order)):
        raise FailedPrecondition("PAYOUT_IN_TRANSIT", f"a top-up of {order.id} is on its way")


def open_payouts(order: RedemptionOrder) -> tuple[Payout, ...]:
    """The payouts that are decided and not paid."""
    return tuple(each for each in order.payouts if each.state in (PayoutState.DUE, PayoutState.SENT))


def unpaid(order: RedemptionOrder, stopped_id: str = "") -> tuple[Payout, ...]:
    """The payouts that nobody has: those that the credit ledger was not asked to pay, and the one that it stopped."""
    return tuple(each for each in order.payouts if each.state is PayoutState.DUE or each.id == stopped_id)


def is_covered(order: RedemptionOrder, what: TakeBack, stopped_id: str = "") -> bool:
    """Whether what nobody has is enough for what is to be taken back."""
    return what.owed_minor(order) <= sum(each.amount_minor for each in unpaid(order, stopped_id))


def to_claim_minor(order: RedemptionOrder, what: TakeBack) -> int:
    """What the customer owes of it: what is not in the payouts that nobody has (RD-33)."""
    return what.owed_minor(order) - sum(each.amount_minor for each in unpaid(order))


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


def taken_back_unpaid(
    order: RedemptionOrder, card: GiftCard, what: TakeBack, now: datetime, stopped_id: str = ""
) -> Stepped:
    """All of it comes out of what nobody has, with the payout that was just stopped."""
    return _taken_back(order, card, what, _Parts(what.owed_minor(order), stopped_id=stopped_id), now)


def taken_back_paid(
    order: RedemptionOrder, card: GiftCard, what: TakeBack, *, claimed_minor: int, saga_id: str, now: datetime
) -> Stepped:
    """So much of it the customer owes, and the credit ledger has the other leg (3.3); the rest nobody has."""
    unpaid_minor = what.owed_minor(order) - claimed_minor
    return _taken_back(order, card, what, _Parts(unpaid_minor, claimed_minor, saga_id), now)


def taken_back_alone(order: RedemptionOrder, card: GiftCard, what: TakeBack, now: datetime) -> Stepped:
    """The payout stays what it was, by the fractions that it drops (CV-3): nobody is asked."""
    return _taken_back(order, card, what, _Parts(), now)


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


class _Parts(NamedTuple):
    """Where what is taken back comes from: what nobody has, with the payout that was just stopped, and the customer."""

    unpaid_minor: int = 0
    claimed_minor: int = 0
    saga_id: str = ""
    stopped_id: str = ""


def _taken_back(order: RedemptionOrder, card: GiftCard, what: TakeBack, parts: _Parts, now: datetime) -> Stepped:
    step, state = _ENDS[what.cause]
    value_minor = order.face_minor - what.face_minor
    out, payouts = _out_of_unpaid(order, parts)
    customer = (*out, *(books.claimed(parts.saga_id, parts.claimed_minor) if parts.claimed_minor else ()))
    taken = stepped(
        order, card, now, step, op=what.cause.value, payouts=payouts, settlement_id="", reason="",
        lines=books.faced(order, order.face_minor, what.face_minor, customer),
        turn=_revaluing(order, what.cause.value, value_minor) if state is None else _restoring(order, value_minor),
        state=state or order.state, face_minor=what.face_minor if state is None else order.face_minor,
        frozen_from=None if state else order.frozen_from,
        claimed_minor=order.claimed_minor + parts.claimed_minor,
    )
    follows = not order.terms.by_hand and _strands(taken.card)  # D119
    return taken.cleared((PAY, order.id)).timed(*((looked_at_again(card, now),) if follows else ()))


def left_on_card(order: RedemptionOrder, card: GiftCard) -> bool:
    """Whether a lower face left value on a card that is over. Where the face never fell, what is there is what the
    redemption did not take, and may be topped up from (P31)."""
    stopped = any(each.state is PayoutState.STOPPED for each in order.payouts)
    fell = order.face_minor < order.declared_minor or order.claimed_minor > 0 or stopped
    return fell and _strands(card)


def _strands(card: GiftCard) -> bool:
    """Whether it holds value that nobody can use there."""
    return card.over and card.spendable_minor > 0


def _out_of_unpaid(order: RedemptionOrder, parts: _Parts) -> tuple[Lines, tuple[Payout, ...]]:
    """The lines and the payouts once so much was taken out of what nobody has."""
    if not parts.unpaid_minor:
        return (), order.payouts
    gone = unpaid(order, parts.stopped_id)
    rest_minor = sum(each.amount_minor for each in gone) - parts.unpaid_minor
    rest = Payout(payout_name(order), rest_minor, order.method)
    others = tuple(each._replace(state=PayoutState.STOPPED) if each in gone else each for each in order.payouts)
    lines = (
        *((books.PAYOUT_TRANSIT, each.id, each.amount_minor) for each in gone), *books.to_pay(rest.id, rest_minor),
    )
    return lines, (*others, rest) if rest_minor else others


def _revaluing(order: RedemptionOrder, op: str, change_minor: int) -> Turn | None:
    """A card of ours gets so much, or (below 0) gives it; another issuer's has no value here."""
    if order.by_recycler:
        return None
    return lambda held: revalue(held, order.id, op, change_minor)


def _restoring(order: RedemptionOrder, value_minor: int) -> Turn | None:
    """The value is issued again, under a new code (RD-2); another issuer's card stays written off."""
    return None if order.by_recycler else lambda held: restore(held, order.id, value_minor)


