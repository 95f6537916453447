"""Every way to settle keeps the same contract; T+1 goes by the working days of Shanghai (A21)."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.card_redemption.channels import BEHAVIOURS
from services.card_redemption.channels.behaviour import Settling
from services.card_redemption.channels.next_working_day import NextWorkingDay
from services.card_redemption.domain.recycling.policy import Settlement
from services.kernel.calendar import WorkingCalendar, business_date, start_of

SECOND = timedelta(seconds=1)
QINGMING = WorkingCalendar.of([date(2026, 4, 6)])
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  (bounds)
AFTER = st.timedeltas(timedelta(), timedelta(days=60))


def test_every_settlement_has_its_file() -> None:
    """No channel can be given one that nobody carries out."""
    assert set(BEHAVIOURS) == set(Settlement)


@given(
    kind=st.sampled_from(list(Settlement)), accepted=INSTANTS, verified=AFTER, scheduled=st.none() | AFTER,
    met=st.none() | AFTER,
)
def test_none_settles_before_its_verification(
    kind: Settlement, accepted: datetime, verified: timedelta, scheduled: timedelta | None, met: timedelta | None
) -> None:
    """Nor at two instants for one order; what waits for something names no instant at all."""
    order = Settling(
        accepted, accepted + verified, None if scheduled is None else accepted + scheduled,
        None if met is None else accepted + met,
    )

    at = BEHAVIOURS[kind].settles_at(order, QINGMING)

    assert at == BEHAVIOURS[kind].settles_at(order, QINGMING)
    waits = (kind, None) in ((Settlement.SCHEDULED, scheduled), (Settlement.ON_CONDITION, met))
    assert at is None if waits else at is not None and at >= order.verified_at


@pytest.mark.parametrize(("accepted", "day"), [
    (start_of(date(2026, 3, 6)) - SECOND, date(2026, 3, 6)),
    (start_of(date(2026, 3, 6)), date(2026, 3, 9)),
    (start_of(date(2026, 3, 6)) + SECOND, date(2026, 3, 9)),
    (start_of(date(2026, 4, 1)) - SECOND, date(2026, 4, 1)),
    (start_of(date(2026, 4, 3)) + SECOND, date(2026, 4, 7)),
])
def test_t_plus_1_begins_at_the_midnight_of_shanghai(accepted: datetime, day: date) -> None:
    """A second before midnight still is the day before; a weekend, a month's end and a holiday in between (R42)."""
    at = NextWorkingDay().settles_at(Settling(accepted, accepted), QINGMING)

    assert at is not None
    assert (at, business_date(at)) == (start_of(day), day)


def test_a_late_verification_settles_at_once() -> None:
    """The day that was promised is over: nothing is gained by waiting for another."""
    accepted = start_of(date(2026, 3, 4))
    verified = start_of(date(2026, 3, 8)) + SECOND

    assert NextWorkingDay().settles_at(Settling(accepted, verified), QINGMING) == verified
