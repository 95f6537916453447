"""The operators' switch: pause and resume. What waits is woken page by page once payouts go on."""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from services.credit_ledger.domain.legs.payouts import PAYOUT_TIMER
from services.credit_ledger.domain.model.payout_switch import (
    PausePayouts,
    PayoutsFound,
    PayoutSwitch,
    ResumePayouts,
    WakePayouts,
)
from services.credit_ledger.domain.model.redemption_events import PayoutsPaused, PayoutsResumed
from services.kernel.decision import Timer
from services.kernel.errors import InvalidArgument
from services.kernel.people import is_named


class Switched(NamedTuple):
    """The switch as it is now, and what is told and done of it; nothing where it stood so before."""

    switch: PayoutSwitch
    fact: object = None
    actions: tuple[object, ...] = ()


def switched(switch: PayoutSwitch, body: PausePayouts | ResumePayouts, now: datetime) -> Switched:
    """Move the switch, for a reason that somebody gives; one that stands so already stays as it is."""
    if not is_named(body.operator_id) or not body.reason:
        raise InvalidArgument("INVALID_ARGUMENT", "whoever moves the switch says who it is and why")
    pause = isinstance(body, PausePayouts)
    if switch.paused is pause:
        return Switched(switch)
    moved = replace(
        switch, paused=pause, operator_id=body.operator_id, reason=body.reason, changed_at=now,
        sequence=switch.sequence + 1, version=switch.version + 1,
    )
    fact = (PayoutsPaused if pause else PayoutsResumed)(body.operator_id, body.reason)
    return Switched(moved, fact, () if pause else (WakePayouts(switch.id),))


def awakened(switch: PayoutSwitch | None, body: PayoutsFound, now: datetime) -> tuple[
    tuple[Timer, ...], tuple[WakePayouts, ...]
]:
    """The timers of a page of payouts, due now, and the search for the next page; none while payouts are paused
    again."""
    if switch is not None and switch.paused:
        return (), ()
    timers = tuple(Timer(PAYOUT_TIMER, payout_id, account_id, now) for payout_id, account_id in body.payouts)
    return timers, () if body.following is None else (WakePayouts(body.switch_id, body.following),)
