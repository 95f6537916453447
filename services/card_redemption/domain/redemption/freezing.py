"""A fraud report (盗刷举报) stops a redemption without an end by itself, until the police have a case (RD-22, OP-8)."""

from datetime import datetime, timedelta
from typing import Any

from services.card_redemption.domain.cards import freezing as cards
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.redeeming import restore
from services.card_redemption.domain.redemption import books
from services.card_redemption.domain.redemption.order import FraudReport, RedemptionOrder, refuse_while_settling
from services.card_redemption.domain.redemption.states import FREEZABLE, RedemptionState, Step
from services.card_redemption.domain.redemption.stepping import Stepped, stepped
from services.card_redemption.domain.redemption.timers import EVERY, waking
from services.kernel.calendar import business_date, start_of
from services.kernel.errors import FailedPrecondition, InvalidArgument, PermissionDenied
from services.kernel.people import same_person

_S = RedemptionState
FRAUD_DAYS_MIN = timedelta(days=15)
"""A fraud case is not decided before so many dates after that of the report (15日以上, A22)."""
CASE = "fraud"


def reported(order: RedemptionOrder, card: GiftCard, reporter: str, now: datetime) -> Stepped:
    """Nothing is verified, settled or paid any more; windows run on (OP-8)."""
    refuse_while_settling(order)
    if order.state not in FREEZABLE:
        raise FailedPrecondition("REDEMPTION_STATE", f"{order.id} is {order.state}")
    frozen = stepped(
        order, card, now, Step.FROZEN, state=_S.FROZEN, frozen_from=order.state,
        fraud=FraudReport(now, reporter), turn=lambda held: cards.freeze_with_order(held, case_of(order)),
    )
    return frozen.cleared(*((kind, order.id) for kind in EVERY))


def held(order: RedemptionOrder, card: GiftCard, dispute_id: str, now: datetime) -> Stepped:
    """It stops for a case about its code, until that is decided: no fraud is reported yet (RD-20)."""
    refuse_while_settling(order)
    if order.state not in FREEZABLE:
        raise FailedPrecondition("REDEMPTION_STATE", f"{order.id} is {order.state}")
    stopped = stepped(
        order, card, now, Step.FROZEN, state=_S.FROZEN, frozen_from=order.state, reason=dispute_id,
        turn=lambda card: cards.freeze_with_order(card, case_of(order)),
    )
    return stopped.cleared(*((kind, order.id) for kind in EVERY))


def kept(order: RedemptionOrder, card: GiftCard, reporter: str, now: datetime) -> Stepped:
    """The case was right: what it stopped stays so as a fraud, without an end by itself (RD-22)."""
    refuse_while_settling(order)
    return stepped(order, card, now, Step.FROZEN, fraud=FraudReport(now, reporter), reason="")


def let_go(order: RedemptionOrder, card: GiftCard, now: datetime) -> Stepped:
    """The case was wrong: it goes on where it stood."""
    refuse_while_settling(order)
    return _thawed(order, card, now, reason="")


def decidable_from(fraud: FraudReport) -> datetime:
    """The first instant at which a report of fraud can be decided."""
    return start_of(business_date(fraud.reported_at) + FRAUD_DAYS_MIN)


def must_be_decidable(order: RedemptionOrder, police_case: str, now: datetime) -> FraudReport:
    """The police have a case, and 15 days are over: both are asked, and the fifteenth day counts (CV-9, CV-10)."""
    refuse_while_settling(order)
    if order.state is not _S.FROZEN or order.fraud is None:
        raise FailedPrecondition("REDEMPTION_STATE", f"{order.id} is {order.state}")
    if not police_case.strip():
        raise InvalidArgument("POLICE_CASE_MISSING", "a fraud case needs the case number of the police")
    first_at = decidable_from(order.fraud)
    if now < first_at:
        raise FailedPrecondition("FRAUD_TOO_EARLY", f"not before {first_at}", {"not_before": first_at.isoformat()})
    return order.fraud._replace(police_case=police_case)


def must_be_another(order: RedemptionOrder, decider: str) -> None:
    """Who reported a fraud does not decide it, nor does whose redemption it is (FOUR_EYES)."""
    reporter = "" if order.fraud is None else order.fraud.reporter
    if any(same_person(decider, name) for name in (reporter, order.customer_id) if name):
        raise PermissionDenied("FOUR_EYES", "who reports a fraud and who decides it are two people")


def released(order: RedemptionOrder, card: GiftCard, fraud: FraudReport, now: datetime) -> Stepped:
    """It was none: the redemption goes on where it stood, and what fell due meanwhile acts now."""
    return _thawed(order, card, now, fraud=fraud)


def case_noted(order: RedemptionOrder, card: GiftCard, fraud: FraudReport, now: datetime) -> Stepped:
    """The case of the police is on record; what was to be paid is taken back next (OP-8)."""
    return stepped(order, card, now, Step.FRAUD_CONFIRMED, fraud=fraud)


def closed_unsettled(order: RedemptionOrder, card: GiftCard, fraud: FraudReport, now: datetime) -> Stepped:
    """It was one, and nothing had settled: what waits in escrow goes back to the card, which stays frozen (OP-8)."""
    in_escrow = order.frozen_from is _S.ESCROWED
    value_minor = order.face_minor if in_escrow and not order.by_recycler else 0
    return stepped(
        order, card, now, Step.CLOSED_FRAUD, op="fraud_close", state=_S.CLOSED_FRAUD, frozen_from=None, fraud=fraud,
        verification_code=None, lines=books.escrow_revoked(order) if in_escrow else (),
        turn=lambda held: restore(held, order.id, value_minor),
    )


def _thawed(order: RedemptionOrder, card: GiftCard, now: datetime, **changes: Any) -> Stepped:  # Any: see `stepped`
    thawed = stepped(
        order, card, now, Step.UNFROZEN, state=order.stands, frozen_from=None, **changes,
        turn=lambda held: cards.thaw(held, case_of(order)),
    )
    return thawed.timed(*waking(thawed.order, now))


def case_of(order: RedemptionOrder) -> str:
    """For whom the card is frozen."""
    return f"{CASE}/{order.id}"
