"""A redemption told again: each of its steps is decided once more by the domain, from the redemption as it was before
and from what nobody but the step itself can say (who asked for what, what a provider found, which saga it waits for).

`again` is what its stored history is held to, and what its tests hold every decision to; a new step is one row here.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.redeeming import claim
from services.card_redemption.domain.recycling.enterprise import CUTOFF_MIN
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.windows import Verdict
from services.card_redemption.domain.redemption import (
    adjusting,
    cancelling,
    elsewhere,
    enterprise,
    freezing,
    paying,
    recyclers,
    releasing,
    settling,
    stopping,
    submitting,
    taking_back,
    verifying,
    vouchers,
)
from services.card_redemption.domain.redemption.commands import EditSchedule
from services.card_redemption.domain.redemption.order import OF_CASE, FraudReport, Payout, RedemptionOrder
from services.card_redemption.domain.redemption.states import PAYABLE, UNSETTLED, PayoutState, RedemptionState, Step
from services.card_redemption.domain.redemption.stepping import Stepped, stepped
from services.card_redemption.domain.redemption.taking_back import Cause, TakeBack
from services.card_redemption.domain.verification import Finding, ReportVerification
from services.kernel.calendar import elapsed_days
from services.kernel.errors import Defect

_S = RedemptionState
_GIVEN = frozenset({
    "verify_at", "evidence", "scheduled_at", "deadline", "agreement_id", "settlement_id", "verification_code",
})
"""What a submission brings beside what every redemption has."""


@dataclass(frozen=True, slots=True)
class Made:
    """One step as it was told: the redemption before it and after it, its card before it, and when."""

    before: RedemptionOrder
    after: RedemptionOrder
    card: GiftCard
    at: datetime

    @property
    def claimed_minor(self) -> int:
        """What it claimed from the customer."""
        return self.after.claimed_minor - self.before.claimed_minor


Redo = Callable[[Made], Stepped]


def again(step: Step, made: Made) -> Stepped:
    """The step, decided again; raises what the domain raises on a step that it would not have made."""
    return STEPS[step](made)


def begun(after: RedemptionOrder, card: GiftCard, at: datetime) -> Stepped:
    """The submission of a redemption: all that it does not bring with it is as in every other (2.8)."""
    given = {
        each.name: getattr(after, each.name) for each in fields(after)
        if (each.default is MISSING and each.default_factory is MISSING) or each.name in _GIVEN
    }
    fresh = RedemptionOrder(**given | {
        "face_minor": after.declared_minor, "state": _S.SUBMITTING, "accepted_at": at, "updated_at": at, "version": 0,
    })
    if not fresh.settlement_id or fresh.verify_at is None or fresh.verify_at < at:
        raise Defect("a submission waits for its customer's answer, and is verified after it")
    return stepped(fresh, card, at, Step.SUBMITTED, turn=lambda free: claim(free, after.id, after.customer_id))


def _must(holds: bool, rule: str) -> None:
    if not holds:
        raise Defect(rule)


def _accepted(made: Made) -> Stepped:
    return submitting.accepted(made.before, made.card, made.at)


def _edited(made: Made) -> Stepped:
    after = made.after
    body = EditSchedule(
        redemption_id=after.id, customer_id=after.customer_id, scheduled_at=after.scheduled_at,
        declared_minor=after.declared_minor, method=after.method, instrument=after.instrument,
    )
    return enterprise.edited(made.before, made.card, body, made.at, CUTOFF_MIN)


def _reached(made: Made) -> Stepped:
    _must(made.before.scheduled_at is not None and made.at >= made.before.scheduled_at, "not before its schedule")
    return enterprise.schedule_reached(made.before, made.card, made.at)


def _review_asked(made: Made) -> Stepped:
    shown = cancelling.must_be_cancellable(made.before, made.before.terms.asked_by, made.at)
    _must(shown.verdict is Verdict.REVIEW, "a channel with a review")
    return cancelling.review_asked(made.before, made.card, made.at)


def _cancel_begun(made: Made) -> Stepped:
    if made.before.state is _S.CANCELLING:
        return _elsewhere(made, Step.CANCEL_BEGUN)
    _asked_in_time(made)
    return cancelling.begun_to_cancel(
        made.before, made.card, made.at, made.after.settlement_id, evidence=made.after.evidence
    )


def _cancelled(made: Made) -> Stepped:
    terms = made.before.terms
    if made.before.state is not _S.CANCELLING:
        free = not terms.fee.of(made.before.face_minor) and terms.limits.cancelled_daily_minor is None
        _must(free, "at once only where nothing is charged and nothing counted")
        _asked_in_time(made)
    return cancelling.cancelled(made.before, made.card, made.at, made.after.evidence)


def _asked_in_time(made: Made) -> None:
    """Of a reviewed one the request was judged (A20); any other is asked for now."""
    if made.before.state is not _S.CANCEL_REVIEW:
        shown = cancelling.must_be_cancellable(made.before, made.before.terms.asked_by, made.at)
        _must(shown.verdict is Verdict.ALLOW, "a channel without a review")


def _verification_started(made: Made) -> Stepped:
    due = made.before.terms.by_hand or made.before.verify_at is None or made.at >= made.before.verify_at
    _must(due, "not before it is due")
    return verifying.started(made.before, made.card, made.at)


def _found(finding: Finding) -> Redo:
    def redo(made: Made) -> Stepped:
        order = made.before
        report = ReportVerification(made.card.id, order.id, order.id, finding, made.after.face_minor)
        return verifying.reported(order, made.card, report, made.at)

    return redo


def _escrow_revoked(made: Made) -> Stepped:
    _must(made.before.deadline is not None and made.at > made.before.deadline, "not before its deadline is over")
    return settling.escrow_over(made.before, made.card, made.at)


def _revoked(made: Made) -> Stepped:
    _must(made.before.state in UNSETTLED, "only what has not settled")
    _must(made.before.state is _S.REVOKING or not made.before.read_elsewhere, "a code that no provider keeps")
    return settling.revoked(made.before, made.card, made.at, made.after.evidence, reason=_own_reason(made))


def _own_reason(made: Made) -> str:
    """Why it was taken back if nobody asked for it: its face was found to be one that nobody takes (RD-21, RD-23)."""
    reason = "" if made.after.reason == made.before.reason else made.after.reason
    found = made.before.state is _S.VERIFIED and made.before.verified_at == made.at
    _must(not reason or (reason in verifying.BEYOND and found), "a face that was found just now, and is beyond")
    return reason


def _overdue(made: Made) -> Stepped:
    days = made.before.terms.sla_working_days
    passed = days is not None and elapsed_days(made.before.accepted_at, made.at) > days
    _must(made.before.promised and passed, "days that were promised, and are over")
    return stepped(made.before, made.card, made.at, Step.OVERDUE)


def _release_asked(made: Made) -> Stepped:
    by_customer = made.after.cancel_requested_at == made.at
    return releasing.asked(
        made.before, made.card, made.at, made.after.evidence, by_customer, reason=_own_reason(made)
    )


def _payout_begun(made: Made) -> Stepped:
    order, after = made.before, made.after
    if (order.method, order.instrument, order.payouts) != (after.method, after.instrument, after.payouts):
        order = paying.redirected(order, made.card, after.method, after.instrument)
    return paying.payout_begun(order, made.card, made.at, after.settlement_id)


def _payout_delayed(made: Made) -> Stepped:
    made = _without_case(made, made.after.reason)
    if paying.is_rerouted(made.before, made.after):
        return paying.payout_refused(made.before, made.card, made.at, made.after.reason)
    delay = paying.payout_delayed if made.before.settlement_id else paying.payout_retried
    return delay(made.before, made.card, made.at, made.after.reason)


def _payout_sent(made: Made) -> Stepped:
    return paying.payout_sent(made.before, made.card, made.at, _moved(made).id)


def _paid(made: Made) -> Stepped:
    made = _without_case(made, reason="")
    if made.before.payouts == made.after.payouts:
        _must(not made.before.transit_minor, "nothing is left to be paid")
        return paying.completed_unpaid(made.before, made.card, made.at)
    payout = _moved(made)
    rerouted = payout.method is PayoutMethod.JD_BALANCE
    return paying.payout_paid(made.before, made.card, made.at, payout.id, rerouted)


def _without_case(made: Made, reason: str) -> Made:
    """The step of a redemption that a case holds, where it told this reason in the place of the case: so events did
    before cases stayed what they are held for (D101)."""
    if not made.before.held or made.after.reason != reason:
        return made
    return replace(made, before=replace(made.before, reason=reason))


def _moved(made: Made) -> Payout:
    """The payout that the step is about, as it left it."""
    moved = [payout for payout in made.after.payouts if payout not in made.before.payouts]
    _must(len(moved) == 1, f"one payout that moves, not {len(moved)}")
    return moved[0]


def _payout_held(made: Made) -> Stepped:
    _must(made.before.state is _S.FROZEN and bool(made.before.settlement_id), "a frozen one whose payout was stopped")
    stopped = _stopped(made)
    _must(len(stopped) == 1, f"one payout that is stopped, not {len(stopped)}")
    return stopping.held(made.before, made.card, stopped[0], made.at)


def _stopped(made: Made) -> list[str]:
    """The payouts that the credit ledger had, and stopped."""
    was_sent = {payout.id for payout in made.before.payouts if payout.state is PayoutState.SENT}
    return [each.id for each in made.after.payouts if each.id in was_sent and each.state is PayoutState.STOPPED]


def _topped_up(made: Made) -> Stepped:
    taking_back.must_be_correctable(made.before, made.after.face_minor)
    _must(made.after.face_minor > made.before.face_minor, "to a greater face")
    return taking_back.topped_up(made.before, made.card, made.after.face_minor, made.at)


def _taken_back(cause: Cause) -> Redo:
    def redo(made: Made) -> Stepped:
        order = made.before
        _must(order.stands in PAYABLE, "only what has settled")
        what = TakeBack(cause, made.after.face_minor if cause is Cause.FACE_CLAWBACK else 0)
        if not what.owed_minor(order):
            return taking_back.taken_back_alone(order, made.card, what, made.at)
        if made.claimed_minor:
            return taking_back.taken_back_paid(
                order, made.card, what, claimed_minor=made.claimed_minor, saga_id=order.settlement_id, now=made.at
            )
        stopped = _stopped(made)
        _must(len(stopped) <= 1, f"one payout that is stopped at most, not {len(stopped)}")
        return taking_back.taken_back_unpaid(order, made.card, what, made.at, "".join(stopped))

    return redo


def _closed(made: Made) -> Stepped:
    if made.before.stands in PAYABLE:
        return _taken_back(Cause.FRAUD_CLOSE)(made)
    return freezing.closed_unsettled(made.before, made.card, _decided(made), made.at)


def _frozen(made: Made) -> Stepped:
    """For a case about its code, or because a fraud is reported: then, too, where a case held it (RD-20, RD-22)."""
    if made.after.fraud is None:
        _must(made.after.reason.startswith(OF_CASE), "a case that it is held for")
        return freezing.held(made.before, made.card, made.after.reason, made.at)
    freeze = freezing.kept if made.before.held else freezing.reported
    return freeze(made.before, made.card, made.after.fraud.reporter, made.at)


def _unfrozen(made: Made) -> Stepped:
    if made.before.held:
        return freezing.let_go(made.before, made.card, made.at)
    return freezing.released(made.before, made.card, _decided(made), made.at)


def _fraud(made: Made) -> FraudReport:
    if made.after.fraud is None:
        raise Defect("a report of the fraud")
    return made.after.fraud


def _decided(made: Made) -> FraudReport:
    return freezing.must_be_decidable(made.before, _fraud(made).police_case, made.at)


def _voucher_used(made: Made) -> Stepped:
    before, after = made.before.voucher, made.after.voucher
    if before is None or after is None:
        raise Defect("a voucher that is used")
    used_minor = before.left_minor - after.left_minor
    return vouchers.used(made.before, made.card, made.before.settlement_id, used_minor, made.at)


def _remitted(made: Made) -> Stepped:
    more_minor = made.after.remitted_minor - made.before.remitted_minor
    return recyclers.remitted(made.before, made.card, made.before.settlement_id, more_minor, made.at)


def _adjusted(made: Made) -> Stepped:
    order, more_minor = made.before, made.after.adjusted_minor - made.before.adjusted_minor
    _must(0 < more_minor <= order.lost_minor, "something of what is lost and not given back")
    _must(bool(order.settlement_id), "something that it was asked to give back")
    return adjusting.adjusted(order, made.card, order.settlement_id, more_minor, made.at)


def _elsewhere(made: Made, step: Step) -> Stepped:
    asked = elsewhere.asked_elsewhere(made.before, made.card, step, made.at, made.after.settlement_id)
    if asked is None or made.after.settlement_id == made.before.settlement_id:
        raise Defect("what is asked for at another account is asked for by another saga")
    return asked


def _waits(begin: Callable[[RedemptionOrder, GiftCard, str, datetime], Stepped], again: Step | None = None) -> Redo:
    """A step that begins a saga, or another one of what was asked at an account that is not the customer's."""
    def redo(made: Made) -> Stepped:
        if again is not None and made.before.settlement_id:
            return _elsewhere(made, again)
        _must(bool(made.after.settlement_id) and not made.before.settlement_id, "a saga that it waits for from now on")
        return begin(made.before, made.card, made.after.settlement_id, made.at)

    return redo


def _refused(end: Callable[[RedemptionOrder, GiftCard, datetime, str], Stepped]) -> Redo:
    """A step that says why it comes to nothing."""
    return lambda made: end(made.before, made.card, made.at, made.after.reason)


STEPS: Mapping[Step, Redo] = {
    Step.SUBMITTED: lambda made: begun(made.after, made.card, made.at),
    Step.SUBMISSION_FAILED: _refused(submitting.submission_failed),
    Step.ACCEPTED: _accepted,
    Step.SCHEDULE_EDITED: _edited,
    Step.SCHEDULE_REACHED: _reached,
    Step.CANCEL_REQUESTED: _review_asked,
    Step.CANCEL_BEGUN: _cancel_begun,
    Step.CANCEL_REJECTED: _refused(cancelling.review_rejected),
    Step.CANCEL_REFUSED: _refused(cancelling.cancel_refused),
    Step.CANCELLED: _cancelled,
    Step.VERIFICATION_STARTED: _verification_started,
    Step.VERIFIED: _found(Finding.FOUND),
    Step.REPRICED: _found(Finding.FOUND),
    Step.CODE_INVALID: _found(Finding.INVALID),
    Step.CODE_CONSUMED: _found(Finding.CONSUMED),
    Step.ESCROWED: lambda made: settling.settled(made.before, made.card, made.at),
    Step.SETTLED: lambda made: settling.settled(made.before, made.card, made.at),
    Step.CONDITION_MET: lambda made: settling.condition_noted(made.before, made.card, made.at),
    Step.ESCROW_RELEASED: lambda made: settling.condition_met(made.before, made.card, made.at),
    Step.RELEASE_ASKED: _release_asked,
    Step.RELEASE_REFUSED: lambda made: releasing.refused(made.before, made.card, made.at),
    Step.REVOKED: _revoked,
    Step.ESCROW_REVOKED: _escrow_revoked,
    Step.PAYOUT_BEGUN: _payout_begun,
    Step.PAYOUT_DELAYED: _payout_delayed,
    Step.PAYOUT_SENT: _payout_sent,
    Step.PAYOUT_STOPPING: _waits(stopping.stop_begun),
    Step.PAYOUT_NOT_STOPPED: lambda made: stopping.not_stopped(made.before, made.card, made.at),
    Step.PAYOUT_HELD: _payout_held,
    Step.PAID: _paid,
    Step.CLAIM_BEGUN: _waits(taking_back.claim_begun),
    Step.CLAIM_REFUSED: _refused(taking_back.claim_refused),
    Step.FACE_TOPPED_UP: _topped_up,
    Step.FACE_CLAWED_BACK: _taken_back(Cause.FACE_CLAWBACK),
    Step.FAULT_REVERSED: _taken_back(Cause.FAULT_REVERSAL),
    Step.OVERDUE: _overdue,
    Step.FROZEN: _frozen,
    Step.UNFROZEN: _unfrozen,
    Step.FRAUD_CONFIRMED: lambda made: freezing.case_noted(made.before, made.card, _decided(made), made.at),
    Step.CLOSED_FRAUD: _closed,
    Step.VOUCHER_ISSUED: lambda made: vouchers.issued(made.before, made.card, made.at),
    Step.VOUCHER_USING: _waits(vouchers.use_begun, Step.VOUCHER_USING),
    Step.VOUCHER_USED: _voucher_used,
    Step.VOUCHER_REFUSED: _refused(vouchers.use_refused),
    Step.CHANNEL_FEE: lambda made: recyclers.fee_kept(
        made.before, made.card, made.after.channel_fee_minor - made.before.channel_fee_minor, made.at
    ),
    Step.REMITTING: _waits(recyclers.remitting),
    Step.REMITTED: _remitted,
    Step.REMITTANCE_REFUSED: _refused(recyclers.remittance_refused),
    Step.ADJUSTING: _waits(adjusting.adjusting, Step.ADJUSTING),
    Step.ADJUSTED: _adjusted,
    Step.ADJUSTMENT_REFUSED: _refused(adjusting.adjustment_refused),
}
