"""What a decision of a case comes to: the one remedy that its type and its redemption leave, and when that is done.

A remedy is an ordinary step of the redemption, with the postings that it always has (OP-14); nothing is posted here.
"""

from services.card_redemption.domain.disputes.case import Dispute, Remedy, Verdict
from services.card_redemption.domain.disputes.evidence import PROVES_OPERATION
from services.card_redemption.domain.disputes.kinds import SPLITTABLE, DisputeType
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.releasing import NOT_REVOCABLE
from services.card_redemption.domain.redemption.states import (
    ENDED_WITHOUT_PAYOUT,
    FREEZABLE,
    PAYABLE,
    RedemptionState,
)
from services.kernel.errors import FailedPrecondition, InvalidArgument

_S, _T = RedemptionState, DisputeType
REVOCABLE = frozenset({_S.SCHEDULED, _S.ACCEPTED, _S.VERIFIED})
"""Unsettled, and nobody's answer is awaited: it may be revoked (RD-30, OP-7)."""
_BY_TYPE = {
    _T.WRONG_FACE: Remedy.FACE_CORRECTION, _T.PLATFORM_FAULT: Remedy.FAULT_REVERSAL,
    _T.REFUND_AMOUNT: Remedy.ADJUSTMENT, _T.ACCOUNT_RESTRICTION: Remedy.LIFTING,
}
_WITHOUT_PAPERS = frozenset({Remedy.NONE, Remedy.FREEZE, Remedy.RELEASE, Remedy.FRAUD_CLOSING})
"""A fraud is proven by the case of the police, a freeze keeps what is."""


def must_be_lost(dispute: Dispute, order: RedemptionOrder, granted_minor: int) -> None:
    """What was lost when a case was opened may be given back by now, or the redemption undone: then less of it is to be
    granted, or nothing (CLAIM_AMOUNT)."""
    if dispute.type is _T.REFUND_AMOUNT and granted_minor > order.lost_minor:
        told = f"{granted_minor} fen are more than {order.id} cost and nobody gave back: {order.lost_minor}"
        raise InvalidArgument("CLAIM_AMOUNT", told)


def granted_minor(dispute: Dispute, order: RedemptionOrder, verdict: Verdict, asked_minor: int | None) -> int:
    """What is granted of what was claimed: all of it, a part that lies between nothing and all, or nothing. Where the
    verdict leaves no choice, an amount that is named is that one."""
    if verdict is Verdict.PARTIAL and dispute.type not in SPLITTABLE:
        raise InvalidArgument("PARTIAL_NOT_POSSIBLE", f"nothing of a {dispute.type} can be split (OP-14)")
    if verdict is not Verdict.PARTIAL:
        whole_minor = dispute.claimed_minor if verdict is Verdict.UPHELD else 0
        if asked_minor not in (None, whole_minor):
            raise InvalidArgument("CLAIM_AMOUNT", f"{verdict} grants {whole_minor} fen, not {asked_minor}")
        return whole_minor
    nothing_minor = order.face_minor if dispute.type is _T.WRONG_FACE else 0
    low, high = sorted((nothing_minor, dispute.claimed_minor))
    if asked_minor is None or not low < asked_minor < high:
        raise InvalidArgument("CLAIM_AMOUNT", f"a part of it lies between {low} and {high} fen")
    return asked_minor


def remedy_of(dispute: Dispute, order: RedemptionOrder) -> Remedy:
    """What is to be done about it; refused where the redemption is in the middle of something (REDEMPTION_STATE)."""
    if dispute.verdict is Verdict.REJECTED:
        return Remedy.RELEASE if _stops(dispute, order) else Remedy.NONE
    if dispute.type is _T.FRAUD:
        return Remedy.NONE if order.state is _S.CLOSED_FRAUD else Remedy.FRAUD_CLOSING
    if dispute.type is _T.DUPLICATE_CODE:
        return Remedy.FREEZE if order.held or order.state in FREEZABLE else Remedy.NONE
    if dispute.type is _T.WRONG_FACE and order.face_minor == dispute.granted_minor:
        return Remedy.NONE
    if dispute.type in _BY_TYPE:
        return Remedy.NONE if is_moot(_BY_TYPE[dispute.type], order) else _BY_TYPE[dispute.type]
    return _of_appeal(order)


def must_be_proven(dispute: Dispute, remedy: Remedy) -> None:
    """Nothing is given without a paper, and nothing taken back without one that shows what was done (RD-30, RD-34)."""
    least = PROVES_OPERATION if remedy is Remedy.REVOCATION else 1
    if remedy not in _WITHOUT_PAPERS and dispute.strength < least:
        raise FailedPrecondition("EVIDENCE_MISSING", f"a {remedy} needs evidence of weight {least}")


def is_done(dispute: Dispute, order: RedemptionOrder) -> bool:
    """Whether the redemption is as it was decided."""
    remedy = dispute.remedy
    if remedy is Remedy.FACE_CORRECTION:
        return order.face_minor == dispute.granted_minor
    if remedy is Remedy.ADJUSTMENT:
        return order.adjusted_minor >= dispute.granted_minor
    return {
        Remedy.REVOCATION: order.state is _S.REVOKED, Remedy.VOUCHER: order.voucher is not None,
        Remedy.FAULT_REVERSAL: order.state is _S.FAULT_REVERSED,
        Remedy.FRAUD_CLOSING: order.state is _S.CLOSED_FRAUD, Remedy.FREEZE: order.fraud is not None,
        Remedy.RELEASE: order.state is not _S.FROZEN,
    }.get(remedy, True)


def left_to_do(dispute: Dispute, order: RedemptionOrder) -> Remedy:
    """What was decided, done or not; or what the redemption has left of it meanwhile."""
    if dispute.remedy is Remedy.REVOCATION:
        return revocation_left(order)
    undone = dispute.remedy is Remedy.ADJUSTMENT and order.state in (_S.CLOSED_FRAUD, _S.FAULT_REVERSED)
    moot = undone or is_moot(dispute.remedy, order)
    return Remedy.NONE if moot and not is_done(dispute, order) else dispute.remedy


def is_moot(remedy: Remedy, order: RedemptionOrder) -> bool:
    """Whether the redemption leaves nothing to do: all of it was taken back, or what was lost given back, otherwise."""
    if remedy is Remedy.VOUCHER and order.state in PAYABLE:
        return order.lost_minor == 0
    ended = order.state in ENDED_WITHOUT_PAYOUT
    return ended and remedy in (Remedy.VOUCHER, Remedy.FACE_CORRECTION, Remedy.FAULT_REVERSAL, Remedy.FREEZE)


def revocation_left(order: RedemptionOrder) -> Remedy:
    """What is left of a revocation that was decided: where its provider keeps the code, a voucher is what there is once
    the redemption is complete, or nothing (OP-7, OP-14)."""
    kept = order.state is _S.VERIFIED and order.reason == NOT_REVOCABLE
    return _consoling(order) if kept or order.state in PAYABLE else Remedy.REVOCATION


def _stops(dispute: Dispute, order: RedemptionOrder) -> bool:
    if dispute.type is _T.DUPLICATE_CODE:
        return order.held and not order.held_for_another(dispute.id)
    return dispute.type is _T.FRAUD and order.state is _S.FROZEN and not order.held


def _of_appeal(order: RedemptionOrder) -> Remedy:
    """A mistake, or a cancellation that was denied: revoked while that is possible, else a voucher, or nothing."""
    if order.state in REVOCABLE:
        return Remedy.REVOCATION
    if order.state in ENDED_WITHOUT_PAYOUT:
        return Remedy.NONE
    if order.state not in PAYABLE:
        raise FailedPrecondition("REDEMPTION_STATE", f"{order.id} is {order.state}: decide once it is out of that")
    return _consoling(order)


def _consoling(order: RedemptionOrder) -> Remedy:
    """A voucher for what is lost, or will be once it is settled; nothing where that is given back, or was consoled."""
    lost_minor = order.lost_minor if order.state in PAYABLE else order.face_minor - order.payout_minor
    return Remedy.VOUCHER if order.voucher is None and lost_minor else Remedy.NONE
