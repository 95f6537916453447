"""What a step must have posted, reckoned from the redemption before it and after it: what its history is held to."""

from services.card_redemption.domain.books import GIFT_CARD, Lines
from services.card_redemption.domain.redemption import books
from services.card_redemption.domain.redemption.order import Payout, RedemptionOrder
from services.card_redemption.domain.redemption.states import PayoutState, RedemptionState, Step

Posted = tuple[str, Lines]
"""An operation code, and the lines of its journal."""

_TAKEN_BACK = {Step.FACE_CLAWED_BACK: "face_clawback", Step.FAULT_REVERSED: "fault_reversal",
               Step.CLOSED_FRAUD: "fraud_close"}


def posted_by(step: Step, before: RedemptionOrder, after: RedemptionOrder) -> Posted | None:
    """The journal of a step; None where it has none, or where all its lines are 0."""
    found = _posted(step, before, after)
    return found if found is not None and any(amount for _, _, amount in found[1]) else None


def _posted(step: Step, before: RedemptionOrder, after: RedemptionOrder) -> Posted | None:
    if step is Step.SETTLED:
        return "settle", books.faced(after, 0, after.face_minor, _decided(before, after), GIFT_CARD)
    if step is Step.ESCROW_RELEASED:
        return "escrow_release", books.faced(after, 0, after.face_minor, _decided(before, after), books.ESCROW)
    if step is Step.ESCROWED:
        return "escrow", books.escrowed(after)
    if step is Step.ESCROW_REVOKED:
        return "escrow_revoke", books.escrow_revoked(before)
    if step is Step.FACE_TOPPED_UP:
        return "face_topup", books.faced(after, before.face_minor, after.face_minor, _decided(before, after))
    if step is Step.PAYOUT_HELD:
        return "payout_hold", _decided(before, after)
    if step in _TAKEN_BACK:
        return _taken_back(_TAKEN_BACK[step], before, after)
    return _beside(step, before, after)


def _taken_back(op: str, before: RedemptionOrder, after: RedemptionOrder) -> Posted | None:
    if before.stands is RedemptionState.ESCROWED:
        return op, books.escrow_revoked(before)
    if before.settled_at is None:
        return None
    claimed_minor = after.claimed_minor - before.claimed_minor
    claimed = books.claimed(before.settlement_id, claimed_minor) if claimed_minor else ()
    customer = (*_decided(before, after), *claimed)
    face_minor = after.face_minor if op == "face_clawback" else 0
    return op, books.faced(before, before.face_minor, face_minor, customer)


def _beside(step: Step, before: RedemptionOrder, after: RedemptionOrder) -> Posted | None:
    """What is no matter of the face: vouchers, and what the recycler keeps and pays."""
    saga_id, voucher = before.settlement_id, after.voucher
    if step is Step.VOUCHER_ISSUED and voucher is not None:
        return "voucher_issue", books.voucher_issued(voucher.id, voucher.value_minor)
    if step is Step.VOUCHER_USED and voucher is not None and before.voucher is not None:
        used_minor = before.voucher.left_minor - voucher.left_minor
        return "voucher_use", books.voucher_used(voucher.id, saga_id, used_minor)
    if step is Step.CHANNEL_FEE:
        return "channel_fee", books.channel_fee(after, after.channel_fee_minor - before.channel_fee_minor)
    if step is Step.ADJUSTED:
        return "manual_adjust", books.adjusted(after, saga_id, after.adjusted_minor - before.adjusted_minor)
    if step is Step.REMITTED:
        return "channel_remit", books.remitted(after, saga_id, after.remitted_minor - before.remitted_minor)
    return None


def _decided(before: RedemptionOrder, after: RedemptionOrder) -> Lines:
    """The customer's side of payouts that were decided, or stopped, between the two."""
    owed = {payout.id: _owed(payout) for payout in after.payouts}
    known = {payout.id: _owed(payout) for payout in before.payouts}
    return tuple(
        (books.PAYOUT_TRANSIT, payout_id, known.get(payout_id, 0) - amount_minor)
        for payout_id, amount_minor in owed.items() if known.get(payout_id, 0) != amount_minor
    )


def _owed(payout: Payout) -> int:
    return 0 if payout.state is PayoutState.STOPPED else payout.amount_minor
