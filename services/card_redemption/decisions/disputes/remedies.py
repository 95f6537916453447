"""What was decided, as the steps that redemptions take anyway: nothing is posted that they would not post (OP-14)."""

from collections.abc import Callable, Mapping
from datetime import datetime

from services.card_redemption.decisions.disputes.finding import Case
from services.card_redemption.decisions.redemptions import correcting, releasing
from services.card_redemption.decisions.redemptions.finding import fresh, party
from services.card_redemption.decisions.redemptions.onward import resumed
from services.card_redemption.domain.disputes.case import Remedy
from services.card_redemption.domain.disputes.living import names
from services.card_redemption.domain.disputes.verdicts import REVOCABLE, must_be_lost
from services.card_redemption.domain.redemption import adjusting, freezing, vouchers
from services.card_redemption.domain.redemption.order import must_stand
from services.card_redemption.domain.redemption.plans import AdjustmentPlan
from services.card_redemption.domain.redemption.states import RedemptionState
from services.card_redemption.domain.redemption.stepping import Stepped
from services.card_redemption.sagas import launched
from services.kernel.decision import Known
from services.kernel.messages import Message

Apply = Callable[[Known, Case, Message, datetime], Stepped | None]


def applied(known: Known, case: Case, message: Message, now: datetime) -> Stepped | None:
    """The step of the redemption that the remedy is; None where it has none, or not yet."""
    remedy = _REMEDIES.get(case.dispute.remedy)
    return None if remedy is None else remedy(known, case, message, now)


def _revoked(known: Known, case: Case, message: Message, now: datetime) -> Stepped:
    """While it is unsettled, once a provider that has its code lets go of it (OP-7); its evidence is that of the
    case."""
    must_stand(case.order, *REVOCABLE)
    return releasing.revoked(case.order, case.card, now, (*case.order.evidence, *names(case.dispute.papers)))


def _consoled(known: Known, case: Case, message: Message, now: datetime) -> Stepped | None:
    """A voucher, once the redemption is complete (RD-28)."""
    waits = case.order.state is not RedemptionState.COMPLETED
    return None if waits else vouchers.issued(case.order, case.card, now)


def _face_corrected(known: Known, case: Case, message: Message, now: datetime) -> Stepped:
    return correcting.face_corrected(
        known, case.order, case.card, actual_minor=case.dispute.granted_minor, message=message, now=now
    )


def _fault_accepted(known: Known, case: Case, message: Message, now: datetime) -> Stepped:
    return correcting.fault_accepted(case.order, case.card, message, now)


def _fraud_closed(known: Known, case: Case, message: Message, now: datetime) -> Stepped:
    return _fraud_decided(case, message, now, confirmed=True)


def _fraud_decided(case: Case, message: Message, now: datetime, confirmed: bool) -> Stepped:
    return correcting.fraud_decided(
        case.order, case.card, confirmed=confirmed, police_case=case.dispute.police_case, message=message, now=now
    )


def _frozen(known: Known, case: Case, message: Message, now: datetime) -> Stepped:
    """What was stopped for the case stays so, as a fraud; what was not is stopped now."""
    decider = case.dispute.deciders[-1]
    if case.order.held:
        return correcting.holding(freezing.kept(case.order, case.card, decider, now), message, now)
    return correcting.holding(freezing.reported(case.order, case.card, decider, now), message, now)


def _released(known: Known, case: Case, message: Message, now: datetime) -> Stepped:
    """It goes on where it stood; after a fraud report only as the police's case allows (RD-22)."""
    if case.order.held:
        return resumed(case.order, freezing.let_go(case.order, case.card, now), message, now)
    return _fraud_decided(case, message, now, confirmed=False)


def _adjusted(known: Known, case: Case, message: Message, now: datetime) -> Stepped:
    """Into the wallet, by a saga of both books (P22); never more than is lost by now."""
    must_be_lost(case.dispute, case.order, case.dispute.granted_minor)
    begun = adjusting.adjusting(case.order, case.card, fresh("saga", message), now)
    return launched(begun, AdjustmentPlan(party(case.order), case.dispute.id, case.dispute.granted_minor), now)


_REMEDIES: Mapping[Remedy, Apply] = {
    Remedy.REVOCATION: _revoked, Remedy.VOUCHER: _consoled, Remedy.FACE_CORRECTION: _face_corrected,
    Remedy.FAULT_REVERSAL: _fault_accepted, Remedy.FRAUD_CLOSING: _fraud_closed, Remedy.FREEZE: _frozen,
    Remedy.RELEASE: _released, Remedy.ADJUSTMENT: _adjusted,
}
