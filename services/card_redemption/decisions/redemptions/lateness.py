"""Whether a redemption keeps the working days that its channel promises (3-5个工作日: the fifth is the last, A22)."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.decisions.redemptions.finding import redemption_of
from services.card_redemption.decisions.terms import working_days
from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome, EntryChannel
from services.card_redemption.domain.redemption.order import RedemptionOrder, refuse_while_settling
from services.card_redemption.domain.redemption.states import RedemptionState, Step
from services.card_redemption.domain.redemption.stepping import stepped
from services.card_redemption.domain.redemption.timers import SLA
from services.kernel.calendar import business_date, end_of
from services.kernel.decision import Decision, Known, Timer
from services.kernel.messages import Message, TimerDue

MISSED = "SLA_MISSED"
"""What the record has of a redemption that is not done in its days."""
KIND = "PROCESS_REDEMPTION"


def due(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer: its last working day is over. That is told each day until it is done; not while a fraud stops it, for that
    has days of its own (RD-22)."""
    order = known.find(RedemptionOrder, body.key)
    if order is None or not order.promised:
        return Decision()
    over_at = overdue_from(known, order)
    if now < over_at:
        return Decision(timers=(Timer(SLA, order.id, message.key, over_at),))
    tomorrow = Timer(SLA, order.id, message.key, end_of(business_date(now)))
    if order.state is RedemptionState.FROZEN:
        return Decision(timers=(tomorrow,))
    order, card = redemption_of(known, order.id, message.key)
    refuse_while_settling(order)
    told = stepped(order, card, now, Step.OVERDUE).timed(tomorrow).decided()
    return replace(told, records=(Attempt(
        kind=KIND, actor=order.customer_id, channel=EntryChannel.ENGINE, outcome=AttemptOutcome.FAILED, reason=MISSED,
        card_id=card.id, order_id=order.id,
    ),))


def overdue_from(known: Known, order: RedemptionOrder) -> datetime:
    """The first instant after its last day; the day on which it was accepted does not count (CV-10)."""
    days = order.terms.sla_working_days or 0
    return end_of(working_days(known, order.accepted_at).after(business_date(order.accepted_at), days))
