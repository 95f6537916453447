"""What a reply or a wake-up does to an order and its saga: settlements advance and end here (DESIGN 5)."""

from dataclasses import replace
from datetime import datetime, timedelta

from services.kernel.calendar import TICK
from services.kernel.coordination import with_progress
from services.kernel.decision import Decision, Known, Timer
from services.kernel.messages import Message
from services.kernel.saga import Progress, Run
from services.order.domain import channels, events
from services.order.domain.order import Order, after
from services.order.domain.states import RefundState
from services.order.sagas import ended

SLA = timedelta(hours=24)
"""A refund settles within this, its last instant included; later it is an exception (SC-5)."""

_NOTHING = Decision()


def progressed(known: Known, order: Order, run: Run, progress: Progress, message: Message, now: datetime) -> Decision:
    """A participant answered, or what is still awaited is sent again; where the run stays, the order stays."""
    if progress.run is run:
        return Decision(timers=progress.timers, cleared=progress.cleared)
    return with_progress(ended(known, order, progress.run, now).decided() if progress.ended else _NOTHING, progress)


def refund_woken(known: Known, order: Order, run: Run, progress: Progress, message: Message, now: datetime) -> Decision:
    """Timer of a refund: past its 24 hours it becomes an exception, once."""
    overdue_at = run.started_at + SLA + TICK
    if now < overdue_at:
        progress = replace(progress, timers=tuple(_not_after(timer, overdue_at) for timer in progress.timers))
    decision = progressed(
        known=known, order=order, run=run, progress=progress, message=message, now=now
    )
    refund = order.refund_of(run.id)
    if progress.ended or refund is None or refund.state is not RefundState.ACCEPTED or now < overdue_at:
        return decision
    fact = events.RefundExceptionRaised(order.id, refund.id, channels.DEADLINE)
    overdue, facts = after(channels.overdue(order, refund), now, fact)
    return replace(decision, changes=(*decision.changes, overdue), events=facts)


def _not_after(timer: Timer, limit: datetime) -> Timer:
    return timer if timer.due_at <= limit else replace(timer, due_at=limit)
