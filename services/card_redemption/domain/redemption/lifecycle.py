"""The life of a redemption as a table (DOMAIN 2.8): its states, what moves it between them, and what wakes it."""

from collections.abc import Iterator
from datetime import timedelta

from services.card_redemption.domain.redemption.order import OF_CASE, RedemptionOrder
from services.card_redemption.domain.redemption.states import OWING, PAYABLE, UNVERIFIED, PayoutState, RedemptionState
from services.card_redemption.domain.redemption.timers import (
    ESCROW_ENDS,
    ESCROW_MET,
    PAY,
    REFUSED_AGAIN,
    RELEASE,
    REVIEW,
    SCHEDULE,
    SETTLE,
    SLA,
    THAWED_AGAIN,
    VERIFY,
    review_ends,
)
from services.kernel.calendar import TICK
from services.kernel.lifecycle import Flaw, Lifecycle, Wait, unless

_S = RedemptionState
_FROM_FREEZE = (_S.SCHEDULED, _S.ACCEPTED, _S.CANCEL_REVIEW, _S.VERIFYING, _S.VERIFIED, _S.REVOKING, _S.ESCROWED,
                _S.SETTLED, _S.PAYOUT_RETRY)
_UNREAD = UNVERIFIED | {_S.VERIFYING, _S.REVOKING}
_RELEASABLE = (_S.CANCEL_REVIEW, _S.VERIFYING, _S.VERIFIED)
_SOME_DAY = timedelta(days=36_600)
_PROMISED = {SLA: "1 us after its last working day, and each day after it"}
_TAKEN_BACK = (_S.CLOSED_FRAUD, _S.FAULT_REVERSED)
_WITH_PAYOUT = OWING | {_S.FROZEN}


def _waits(order: RedemptionOrder) -> Iterator[Wait]:
    """What wakes it, and what looks after the days that were promised."""
    yield from _steps(order)
    if order.promised:
        yield Wait(SLA, order.id, order.card_id, again=_SOME_DAY)


def _steps(order: RedemptionOrder) -> Iterator[Wait]:
    """What lets it go on; while its saga is under way, or where an operator lets it go on, it needs nothing."""
    led = order.terms.by_hand and order.state in OWING | {_S.ACCEPTED, _S.VERIFIED}
    if order.settlement_id or led:
        return
    if order.state is _S.SCHEDULED and order.scheduled_at is not None:
        yield Wait(SCHEDULE, order.id, order.card_id, order.scheduled_at, earliest=order.scheduled_at)
    elif order.state in (_S.ACCEPTED, _S.VERIFYING):
        yield Wait(VERIFY, order.id, order.card_id, order.verify_at, again=THAWED_AGAIN)
    elif order.state is _S.REVOKING:
        yield Wait(RELEASE, order.id, order.card_id)
    elif order.state is _S.CANCEL_REVIEW and (ends_at := review_ends(order)) is not None:
        yield Wait(REVIEW, order.id, order.card_id, ends_at, earliest=ends_at)
    elif order.state is _S.VERIFIED:
        yield Wait(SETTLE, order.id, order.card_id, again=_SOME_DAY)
    elif order.state is _S.ESCROWED and order.deadline is not None:
        ends_at = order.deadline + TICK
        yield Wait(ESCROW_ENDS, order.id, order.card_id, ends_at, earliest=ends_at)
    elif order.state is _S.ESCROWED:
        yield Wait(ESCROW_MET, order.id, order.card_id, again=THAWED_AGAIN)
    elif order.state in OWING and any(payout.state is PayoutState.DUE for payout in order.payouts):
        yield Wait(PAY, order.id, order.card_id, again=REFUSED_AGAIN)


def _flaws(order: RedemptionOrder) -> Iterator[Flaw]:
    frozen = order.state is _S.FROZEN
    yield from unless(frozen is (order.frozen_from is not None), "frozen_from", f"set where FROZEN, not {order.state}",
                      order.frozen_from)
    least_face = min(order.declared_minor, order.face_minor)
    yield from unless(least_face > 0, "face_minor", "more than 0", least_face)
    for_a_case = order.fraud is not None or order.reason.startswith(OF_CASE)
    yield from unless(not frozen or for_a_case, "fraud", "a report where FROZEN, or a case as the reason", order.fraud)
    yield from unless(order.verification_code is None or order.stands in _UNREAD, "verification_code",
                      f"erased, for it was read or is of no use any more ({order.stands})", "kept")
    yield from unless(order.stands is not _S.REVOKING or order.by_recycler, "state",
                      "waits for a provider only of another issuer's card", order.stands)
    yield from unless(not order.payouts or order.state in _WITH_PAYOUT, "payouts", f"none while {order.state}",
                      len(order.payouts))
    paid_for = order.stands in PAYABLE or order.state is _S.FAULT_REVERSED
    yield from unless(not paid_for or order.settled_at is not None, "settled_at", f"an instant while {order.state}",
                      order.settled_at)
    yield from unless(order.state is not _S.COMPLETED or order.claimed_minor >= 0, "claimed_minor", "0 or more",
                      order.claimed_minor)
    whole = sum(each.amount_minor for each in order.payouts if each.state is not PayoutState.STOPPED)
    owed = order.payout_minor if order.state in PAYABLE else 0
    yield from unless(order.state not in OWING or whole - order.claimed_minor == owed, "payouts",
                      f"{owed} beside {order.claimed_minor} that were claimed back", whole)
    least = min((each.amount_minor for each in order.payouts), default=1)
    yield from unless(least > 0, "payouts", "more than 0 each", least)
    left = order.voucher is None or 0 <= order.voucher.left_minor <= order.voucher.value_minor
    yield from unless(left, "voucher", "0 to its value is left", order.voucher)


REDEMPTION = Lifecycle(
    "redemption", RedemptionOrder, RedemptionState, lambda order: order.state,
    moves={
        (None, _S.SUBMITTING): "confirm a draft",
        (_S.SUBMITTING, _S.ACCEPTED): "its customer may", (_S.SUBMITTING, _S.SCHEDULED): "its customer may, for later",
        (_S.SUBMITTING, _S.FAILED_RETRYABLE): "its customer may not",
        (_S.SCHEDULED, _S.ACCEPTED): "its instant has come", (_S.SCHEDULED, _S.REVOKED): "intercepted or revoked",
        (_S.ACCEPTED, _S.CANCEL_REVIEW): "a cancellation is asked for",
        (_S.ACCEPTED, _S.CANCELLING): "a cancellation costs something",
        (_S.ACCEPTED, _S.CANCELLED): "cancelled for nothing", (_S.ACCEPTED, _S.REVOKED): "intercepted or revoked",
        (_S.ACCEPTED, _S.VERIFYING): "its code is being read",
        (_S.CANCEL_REVIEW, _S.VERIFIED): "no, or nothing in 24 h",
        (_S.CANCEL_REVIEW, _S.ACCEPTED): "no, or nothing in 24 h", (_S.CANCEL_REVIEW, _S.CANCELLING): "yes, for a fee",
        (_S.CANCEL_REVIEW, _S.CANCELLED): "yes", (_S.CANCELLING, _S.CANCELLED): "paid for",
        (_S.CANCEL_REVIEW, _S.REVOKED): "revoked with its batch",
        (_S.CANCELLING, _S.ACCEPTED): "refused", (_S.CANCELLING, _S.VERIFIED): "refused",
        (_S.CANCELLING, _S.SETTLED): "refused, and it is due",
        (_S.CANCELLING, _S.ESCROWED): "refused, and its value waits",
        (_S.CANCELLING, _S.COMPLETED): "refused, and it is worth less than a fen",
        (_S.VERIFYING, _S.VERIFIED): "worth something", (_S.VERIFYING, _S.FAILED): "no good",
        (_S.VERIFYING, _S.FAILED_CONSUMED): "spent before", (_S.VERIFYING, _S.ESCROWED): "worth something, if",
        (_S.VERIFYING, _S.SETTLED): "worth something, at once", (_S.VERIFYING, _S.COMPLETED): "worth less than a fen",
        (_S.VERIFYING, _S.REVOKED): "revoked with its batch, or of a face that nobody takes",
        (_S.VERIFIED, _S.CANCELLING): "a cancellation costs something",
        (_S.VERIFIED, _S.CANCELLED): "cancelled in time",
        (_S.VERIFIED, _S.CANCEL_REVIEW): "a cancellation is asked for",
        (_S.VERIFIED, _S.REVOKED): "intercepted or revoked", (_S.VERIFIED, _S.SETTLED): "due",
        (_S.VERIFIED, _S.ESCROWED): "its value waits", (_S.VERIFIED, _S.COMPLETED): "due, worth less than a fen",
        **{(state, _S.REVOKING): "its provider is asked for its code" for state in _RELEASABLE},
        (_S.REVOKING, _S.REVOKED): "its provider lets go of its code", (_S.REVOKING, _S.VERIFYING): "it does not",
        (_S.REVOKING, _S.VERIFIED): "it does not", (_S.REVOKING, _S.SETTLED): "it does not, and it is due",
        (_S.REVOKING, _S.ESCROWED): "it does not, and its value waits",
        (_S.REVOKING, _S.COMPLETED): "it does not, and it is worth less than a fen",
        (_S.ESCROWED, _S.SETTLED): "condition met", (_S.ESCROWED, _S.COMPLETED): "condition met, worth less than a fen",
        (_S.ESCROWED, _S.REVOKED): "condition not met in time",
        (_S.SETTLED, _S.COMPLETED): "paid", (_S.SETTLED, _S.PAYOUT_RETRY): "not paid at once",
        (_S.PAYOUT_RETRY, _S.SETTLED): "under way again", (_S.PAYOUT_RETRY, _S.COMPLETED): "paid",
        **{(state, _S.FAULT_REVERSED): "a platform's fault" for state in sorted(PAYABLE)},
        **{(state, _S.FROZEN): "a fraud is reported" for state in _FROM_FREEZE},
        **{(_S.FROZEN, state): "it was none" for state in _FROM_FREEZE},
        (_S.FROZEN, _S.COMPLETED): "it was none, and it is paid", (_S.FROZEN, _S.CLOSED_FRAUD): "it was one",
    },
    woken={
        _S.SCHEDULED: {SCHEDULE: "at its instant"} | _PROMISED,
        _S.ACCEPTED: {VERIFY: "when its verification begins, once its card is free"} | _PROMISED,
        _S.CANCEL_REVIEW: {REVIEW: "1 us after 24 h"} | _PROMISED, _S.CANCELLING: _PROMISED, _S.FROZEN: _PROMISED,
        _S.VERIFYING: {VERIFY: "30 s after it was asked"} | _PROMISED,
        _S.VERIFIED: {SETTLE: "when it settles"} | _PROMISED,
        _S.REVOKING: {RELEASE: "30 s after it was asked"} | _PROMISED,
        _S.ESCROWED: {
            ESCROW_ENDS: "1 us after its deadline", ESCROW_MET: "of one that was met, once its card is free",
        } | _PROMISED,
        _S.SETTLED: {PAY: "a minute after it was given up, a day after the wallet refused it"} | _PROMISED,
        _S.PAYOUT_RETRY: {PAY: "a minute after it was given up, a day after the wallet refused it"} | _PROMISED,
        _S.COMPLETED: {PAY: "a minute after a top-up was given up, a day after the wallet refused it"},
        **{
            state: {PAY: "a minute after what is left of a payout was given up, a day after the wallet refused it"}
            for state in _TAKEN_BACK
        },
    },
    waits=_waits, flaws=_flaws,
)
