"""The operators' switch of payouts, and the timers of those that wait behind it."""

from datetime import datetime

from services.credit_ledger.domain.model.payout_switch import (
    PausePayouts,
    PayoutsFound,
    PayoutSwitch,
    ResumePayouts,
)
from services.credit_ledger.domain.payouts.switching import awakened, switched
from services.kernel.decision import Decision, Done, Event, Known, Wanted, rule
from services.kernel.messages import Message


def _switch(known: Known, body: PausePayouts | ResumePayouts, message: Message, now: datetime) -> Decision:
    before = known.find(PayoutSwitch, message.key) or PayoutSwitch(message.key, version=0)
    after, fact, actions = switched(before, body, now)
    if fact is None:
        return Decision(Done(after))
    return Decision(Done(after), (after,), events=(Event(after.id, after.sequence, fact),), actions=actions)


def _found(known: Known, body: PayoutsFound, message: Message, now: datetime) -> Decision:
    timers, actions = awakened(known.find(PayoutSwitch, message.key), body, now)
    return Decision(timers=timers, actions=actions)


def _wants(body: object, message: Message) -> Wanted:
    return ((PayoutSwitch, message.key),)


SWITCH = (rule(PausePayouts, _wants, _switch), rule(ResumePayouts, _wants, _switch), rule(PayoutsFound, _wants, _found))
"""By the type of the body."""
