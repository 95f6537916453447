"""Which rule decides which message about redemptions, and what it needs to see."""

from services.card_redemption.decisions import closing
from services.card_redemption.decisions.redemptions import (
    cancelling,
    conducting,
    correcting,
    lateness,
    looking,
    others,
    preparing,
    redeemers,
    releasing,
    settling,
    submitting,
    verifying,
)
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.closing import CARD_CLOSE
from services.card_redemption.domain.enterprise.commands import RevokeRedemption
from services.card_redemption.domain.redemption import commands, timers
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.participation import (
    AdmitRedemption,
    CountCancellation,
    CountCompletion,
    LiftRestriction,
    PayoutNews,
    PayoutSettled,
    RestrictRedeemer,
)
from services.card_redemption.domain.redemption.plans import Kind
from services.card_redemption.domain.redemption.redeemer import Redeemer
from services.card_redemption.domain.verification import ReportRelease, ReportVerification
from services.card_redemption.sagas import DEFINITIONS
from services.kernel.coordination import conductor, coordinate
from services.kernel.decision import Wanted, rule
from services.kernel.messages import Message, TimerDue
from services.kernel.saga import ABORT, RESUME, WAKE


def _card(body: object, message: Message) -> Wanted:
    return ((GiftCard, message.key),)


def _timed(body: TimerDue, message: Message) -> Wanted:
    return ((GiftCard, message.key), (RedemptionOrder, body.key))


def _redeemer(body: object, message: Message) -> Wanted:
    return ((Redeemer, message.key),)


def _can_be_card(key: str) -> bool:
    return key.startswith(("crd_", "fcd_"))


_REPLIED, _WOKEN = coordinate(
    DEFINITIONS, *(conductor(kind, GiftCard, conducting.progressed, names=_can_be_card) for kind in Kind),
    conductor(CARD_CLOSE, GiftCard, closing.progressed, names=_can_be_card),
)

RULES = (
    rule(commands.PrepareRedemption, _redeemer, preparing.prepare),
    rule(commands.ConfirmRedemption, looking.wanted, submitting.confirm),
    rule(commands.RequestCancel, _card, cancelling.request),
    rule(commands.DecideCancelReview, _card, cancelling.decide_review),
    rule(commands.InterceptRedemption, _card, cancelling.intercept),
    rule(commands.AdvanceRedemption, _card, settling.advance),
    rule(commands.MeetEscrowCondition, _card, settling.condition_met),
    rule(commands.EditSchedule, _card, settling.edit_schedule),
    rule(RevokeRedemption, _card, settling.revoke),
    rule(commands.CorrectFace, _card, correcting.correct_face),
    rule(commands.AcceptPlatformFault, _card, correcting.accept_fault),
    rule(commands.ReportFraud, _card, correcting.report_fraud),
    rule(commands.DecideFraud, _card, correcting.decide_fraud),
    rule(commands.IssueVoucher, _card, others.issue_voucher),
    rule(commands.UseVoucher, _card, others.use_voucher),
    rule(commands.RecordChannelFee, _card, others.record_channel_fee),
    rule(commands.RecordRemittance, _card, others.record_remittance),
    rule(ReportVerification, verifying.wanted, verifying.reported),
    rule(ReportRelease, _card, releasing.reported),
    rule(PayoutSettled, _card, conducting.payout_settled),
    rule(PayoutNews, _card, conducting.payout_stepped),
    rule(AdmitRedemption, _redeemer, redeemers.admit),
    rule(CountCancellation, _redeemer, redeemers.count_cancellation),
    rule(CountCompletion, _redeemer, redeemers.count_completion),
    rule(RestrictRedeemer, _redeemer, redeemers.restrict),
    rule(LiftRestriction, _redeemer, redeemers.lift),
    _REPLIED,
)
"""Rules by the type of a message's body."""

TIMERS = (
    (WAKE, _WOKEN),
    (RESUME, _WOKEN),
    (ABORT, _WOKEN),
    (timers.DRAFT_ENDS, rule(TimerDue, _redeemer, preparing.draft_over)),
    (timers.RESUBMITTED, rule(TimerDue, submitting.wanted_again, submitting.resubmitted)),
    (timers.VERIFY, rule(TimerDue, _timed, verifying.due)),
    (timers.REVIEW, rule(TimerDue, _timed, cancelling.review_over)),
    (timers.SETTLE, rule(TimerDue, _timed, verifying.settle_due)),
    (timers.SCHEDULE, rule(TimerDue, _timed, settling.schedule_reached)),
    (timers.ESCROW_ENDS, rule(TimerDue, _timed, settling.escrow_over)),
    (timers.ESCROW_MET, rule(TimerDue, _timed, settling.condition_was_met)),
    (timers.RELEASE, rule(TimerDue, _timed, releasing.due)),
    (timers.SLA, rule(TimerDue, _timed, lateness.due)),
    (timers.PAY, rule(TimerDue, _timed, conducting.payout_due)),
)
"""Rules by the kind of a timer."""
