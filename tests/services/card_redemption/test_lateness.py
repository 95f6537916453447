"""The working days that a channel promises: the fifth is the last, and after it each day is told (A22, CV-10)."""

from datetime import date, datetime, timedelta

import pytest

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.record.attempt import Attempt
from services.card_redemption.domain.recycling.policy import ChannelPolicy, Kind
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.events import RedemptionStepped
from services.card_redemption.domain.redemption.participation import LedgerPayout, PayoutSettled
from services.card_redemption.domain.redemption.states import RedemptionState as S
from services.card_redemption.domain.redemption.states import Step
from services.card_redemption.domain.redemption.timers import SLA
from services.card_redemption.domain.working_days.year import Exceptions, WorkingYear
from services.kernel.calendar import TICK, start_of
from tests.lifecycles import is_sound
from tests.services.card_redemption.redeeming import Redeeming
from tests.services.card_redemption.retelling import Retelling

ABROAD = ChannelPolicy("CROSSBORDER", Kind.SELF, 930_000, sla_working_days=5, version=1)
FRIDAY = date(2026, 3, 6)
OVER_AT = start_of(date(2026, 3, 14))
"""After a Friday come five working days, and the next Friday is the last of them."""
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def waiting(*free: date) -> Redeeming:
    """A redemption whose bank says nothing of its payout."""
    made = Redeeming().given(InForce(ABROAD), WorkingYear(2026, 1, Exceptions(free)))
    made.ledger.says = LedgerPayout.SENT
    made.now = start_of(FRIDAY)
    made.submitted(ABROAD)
    made.verify()
    return made


def told(made: Redeeming) -> list[datetime]:
    """When it was told that it is late."""
    return [
        at for event, at in zip(made.events, made.told_at, strict=True)
        if isinstance(event.body, RedemptionStepped) and event.body.step is Step.OVERDUE
    ]


def until(made: Redeeming, at: datetime) -> None:
    """The clock comes there."""
    made.turn(at - made.now)
    made.settle_down()


@pytest.mark.parametrize(("off", "late"), [(-SECOND, 0), (-TICK, 0), (timedelta(), 1), (SECOND, 1)])
def test_the_fifth_working_day_is_in_time_to_its_end(off: timedelta, late: int) -> None:
    """The day on which it was accepted does not count, nor do weekends."""
    made = waiting()

    until(made, OVER_AT + off)

    assert len(told(made)) == late
    records = [each.reason for each in made.records if isinstance(each, Attempt) and each.kind == "PROCESS_REDEMPTION"]
    assert records == ["SLA_MISSED"] * late
    is_sound(made)


def test_a_holiday_moves_the_last_day() -> None:
    """The calendar is data (CV-13)."""
    made = waiting(date(2026, 3, 9))

    until(made, OVER_AT)
    assert told(made) == []
    until(made, start_of(date(2026, 3, 17)))
    assert len(told(made)) == 1


def test_it_is_told_each_day_until_it_is_done() -> None:
    """Then nothing looks after it any more; all of it can be told again."""
    made = Redeeming().given(InForce(ABROAD))
    retelling = Retelling(made)
    made.ledger.says, made.now = LedgerPayout.SENT, start_of(FRIDAY)
    order = made.submitted(ABROAD)
    made.verify()
    for days in range(3):
        until(made, OVER_AT + days * DAY)
    assert told(made) == [OVER_AT, OVER_AT + DAY, OVER_AT + 2 * DAY]

    payout = made.order().payouts[0]
    made.ledger.paid(payout.id)
    made.tell(order.card_id, PayoutSettled(order.id, payout.id, rerouted=False))
    made.settle_down()
    until(made, OVER_AT + 9 * DAY)

    assert (made.order().state, len(told(made))) == (S.COMPLETED, 3)
    assert all(kind != SLA for kind, _ in made.timers)
    assert not retelling.faults()


def test_a_fraud_has_days_of_its_own() -> None:
    """While it is frozen nothing is late (RD-22); afterwards it is."""
    made = waiting()
    made.do(ask.ReportFraud(made.order().id, "police"))
    until(made, start_of(FRIDAY) + 20 * DAY)
    assert told(made) == []
    is_sound(made)

    made.do(ask.DecideFraud(made.order().id, False, "case-1", "op-1"))
    until(made, made.now + DAY)

    assert len(told(made)) == 1
    is_sound(made)


def test_what_is_done_in_time_is_not_late() -> None:
    """Of other channels nothing is promised."""
    made = Redeeming().given(InForce(ABROAD))
    made.submitted(ABROAD)
    made.verify()

    assert made.order().state is S.COMPLETED
    assert all(kind != SLA for kind, _ in made.timers)
