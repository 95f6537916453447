"""The daily comparison with the rail's list: its timer, its pages, and the call that starts it at once (PM-7)."""

from datetime import datetime

from services.credit_ledger.domain.model.reconciliation import (
    ACQUIRER,
    RailCompared,
    RailDifference,
    Reconciliation,
    StartReconciliation,
)
from services.credit_ledger.domain.reconciliation.running import (
    RECONCILE_TIMER,
    Stepped,
    compared,
    next_start,
    woken,
)
from services.kernel.decision import Decision, Done, Event, Known, Timer, Wanted, rule
from services.kernel.messages import Message, TimerDue


def standing(now: datetime) -> tuple[Timer, ...]:
    """The timer that has to be there, whatever happened before: the first comparison comes with the next night."""
    return (Timer(RECONCILE_TIMER, ACQUIRER, ACQUIRER, next_start(now)),)


def _due(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    return _decided(woken(known.find(Reconciliation, message.key), message.key, now))


def _start(known: Known, body: StartReconciliation, message: Message, now: datetime) -> Decision:
    return _decided(woken(known.find(Reconciliation, message.key), message.key, now))


def _compared(known: Known, body: RailCompared, message: Message, now: datetime) -> Decision:
    row = known.find(Reconciliation, message.key)
    keys = (*(difference.key for difference in body.differences), *body.agreed)
    stored = {key: known.find(RailDifference, key) for key in keys}
    stepped = compared(row, body, stored, now) if row is not None else None
    return Decision() if stepped is None else _decided(stepped)


def _decided(stepped: Stepped) -> Decision:
    row, facts = stepped.row, stepped.facts
    events = tuple(
        Event(row.id, row.sequence - len(facts) + number, fact) for number, fact in enumerate(facts, start=1)
    )
    return Decision(
        Done(row), (row, *stepped.differences), events=events, timers=(stepped.timer,), actions=stepped.actions
    )


def _wants(body: object, message: Message) -> Wanted:
    return ((Reconciliation, message.key),)


def _wants_differences(body: RailCompared, message: Message) -> Wanted:
    keys = (*(difference.key for difference in body.differences), *body.agreed)
    return ((Reconciliation, message.key), *((RailDifference, key) for key in keys))


RECONCILIATION = (rule(StartReconciliation, _wants, _start), rule(RailCompared, _wants_differences, _compared))
"""By the type of the body."""

ON_TIME = rule(TimerDue, _wants, _due)
"""The rule of its timer."""
