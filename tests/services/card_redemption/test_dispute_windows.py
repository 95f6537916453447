"""Until when a case is taken and by when it is decided: at -1, 0 and +1, over midnights, month ends and holidays."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.card_redemption.domain.disputes.appealing import Answer, Asked, judged
from services.card_redemption.domain.disputes.case import Dispute, DisputeState, Lateness
from services.card_redemption.domain.disputes.evidence import WEIGHTS, EvidenceKind, Shown, is_full, strength
from services.card_redemption.domain.disputes.kinds import REGULATOR, SLAS, WINDOWED
from services.card_redemption.domain.disputes.kinds import DisputeType as T
from services.card_redemption.domain.disputes.queue import Place
from services.card_redemption.domain.disputes.timers import next_alarm
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.working_days.year import Exceptions, WorkingYear
from services.kernel.calendar import BUSINESS_ZONE, TICK, WorkingCalendar, end_of, start_of
from tests.services.card_redemption.disputing import (
    FULL,
    NOTARIZED,
    RECORDING,
    SCREENSHOT,
    accepted,
    case_of,
    completed,
    decided,
    handled,
    opened,
    rings,
    verified,
)

SECOND = timedelta(seconds=1)
MIDNIGHT = datetime(2026, 3, 1, tzinfo=BUSINESS_ZONE).astimezone(UTC)
"""The first instant of a month, in Shanghai."""
HOLIDAYS = WorkingCalendar.of(
    [date(2026, 5, day) for day in range(1, 6)] + [date(2026, 10, day) for day in range(1, 8)], [date(2026, 5, 9)]
)
"""As of May 2026: five days off, a Saturday made up for; and the week of October."""


@pytest.mark.parametrize(("elapsed", "exceptional", "papers", "answer"), [
    (-TICK, False, (), Answer.DENY_WINDOW), (timedelta(), False, (), Answer.ALLOW),
    (timedelta(hours=24) - SECOND, False, (), Answer.ALLOW), (timedelta(hours=24), False, (), Answer.ALLOW),
    (timedelta(hours=24) + TICK, False, (), Answer.DENY_WINDOW),
    (timedelta(hours=24) + SECOND, False, FULL, Answer.DENY_WINDOW),
    (timedelta(hours=24) + SECOND, True, FULL, Answer.REVIEW),
    (timedelta(hours=24) + SECOND, True, (RECORDING,), Answer.DENY_EVIDENCE),
    (timedelta(hours=72) - SECOND, True, FULL, Answer.REVIEW), (timedelta(hours=72), True, FULL, Answer.REVIEW),
    (timedelta(hours=72) + TICK, True, FULL, Answer.DENY_WINDOW), (-TICK, True, FULL, Answer.DENY_WINDOW),
])
@pytest.mark.parametrize("kind", sorted(WINDOWED - {T.REFUND_AMOUNT}))
def test_the_command_takes_exactly_what_the_guard_allows(
    kind: T, elapsed: timedelta, exceptional: bool, papers: tuple[Shown, ...], answer: Answer
) -> None:
    """RD-29, OP-13, CV-11: both windows end with their last instant; `CanAppeal` and `OpenDispute` say the same."""
    made = completed()
    made.now = made.order().accepted_at + elapsed
    asked = Asked(kind, papers, exceptional)

    shown = judged(made.order(), (), asked, made.now)
    step = opened(made, kind, *papers, exceptional=exceptional)

    assert shown.answer is answer
    assert (step.reason == "") is (answer in (Answer.ALLOW, Answer.REVIEW))
    if answer is Answer.DENY_WINDOW:
        metadata = dict(getattr(step.outcome, "metadata", ()))
        assert (step.reason, metadata["external_route"]) == ("APPEAL_WINDOW_CLOSED", "12315")


@pytest.mark.parametrize("kind", sorted(set(T) - WINDOWED - {T.DUPLICATE_CODE, T.FRAUD, T.ACCOUNT_RESTRICTION}))
def test_what_is_no_appeal_has_no_window(kind: T) -> None:
    """OP-13: a year later is early enough; so is an appeal that comes over 12315."""
    made = completed()
    made.now += timedelta(days=365)

    assert opened(made, kind, claimed_minor=5_000 if kind is T.WRONG_FACE else 0).reason == ""
    assert opened(made, T.CANCEL_DENIED).reason == "APPEAL_WINDOW_CLOSED"
    assert opened(made, T.CANCEL_DENIED, complaint="12315-1").reason == ""


@pytest.mark.parametrize("before", [SECOND, timedelta(), -SECOND])
@pytest.mark.parametrize("begins_at", [
    MIDNIGHT, datetime(2026, 4, 30, 16, 0, tzinfo=UTC), datetime(2026, 12, 31, 16, 0, tzinfo=UTC),
    datetime(2028, 2, 28, 16, 0, tzinfo=UTC),
])
def test_a_window_is_24_hours_whatever_midnight_or_month_end_lies_in_it(
    begins_at: datetime, before: timedelta
) -> None:
    """CV-11: windows are counted in seconds, never in dates."""
    order = completed().order()
    moved = replace(order, accepted_at=begins_at - before)

    at = moved.accepted_at + timedelta(hours=24)
    assert judged(moved, (), Asked(T.MIS_OPERATION), at).answer is Answer.ALLOW
    assert judged(moved, (), Asked(T.MIS_OPERATION), at + TICK).answer is Answer.DENY_WINDOW


@pytest.mark.parametrize(("kind", "opened_at", "due"), [
    (T.DUPLICATE_CODE, datetime(2026, 3, 6, 2, 0, tzinfo=UTC), date(2026, 3, 10)),
    (T.DUPLICATE_CODE, MIDNIGHT - SECOND, date(2026, 3, 3)), (T.DUPLICATE_CODE, MIDNIGHT, date(2026, 3, 3)),
    (T.DUPLICATE_CODE, start_of(date(2026, 3, 3)) - SECOND, date(2026, 3, 4)),
    (T.DUPLICATE_CODE, start_of(date(2026, 3, 3)), date(2026, 3, 5)),
    (T.DUPLICATE_CODE, start_of(date(2026, 4, 30)), date(2026, 5, 7)),
    (T.CANCEL_DENIED, start_of(date(2026, 4, 30)), date(2026, 5, 11)),
    (T.DUPLICATE_CODE, end_of(date(2026, 9, 30)) - TICK, date(2026, 10, 9)),
    (T.WRONG_FACE, end_of(date(2026, 3, 31)) - TICK, date(2026, 3, 31)),
    (T.WRONG_FACE, end_of(date(2026, 3, 31)), date(2026, 4, 1)),
    (T.MIS_OPERATION, datetime(2026, 3, 6, 2, 0, tzinfo=UTC), date(2026, 4, 20)),
    (T.MIS_OPERATION, end_of(date(2026, 12, 31)) - TICK, date(2027, 2, 14)),
    (T.FRAUD, datetime(2026, 3, 6, 2, 0, tzinfo=UTC), None),
])
def test_the_last_day_of_each_kind(kind: T, opened_at: datetime, due: date | None) -> None:
    """RD-20, RD-21, RD-27, A22: the day of Shanghai on which it was opened does not count, holidays do not either."""
    assert SLAS[kind].due_on(opened_at, HOLIDAYS) == due


def test_a_mistake_has_a_target_before_its_last_day_and_12315_seven_working_days() -> None:
    """RD-27: 30 and 45 days."""
    at = datetime(2026, 3, 6, 2, 0, tzinfo=UTC)

    assert SLAS[T.MIS_OPERATION].target_on(at) == date(2026, 4, 5)
    assert REGULATOR.due_on(at, HOLIDAYS) == date(2026, 3, 17)


def test_its_target_and_its_last_day_are_over_with_the_first_instant_after_them() -> None:
    """CV-9, CV-10: the last day counts whole; each is told once."""
    made = completed()
    opened(made, T.MIS_OPERATION)
    target, last = end_of(date(2026, 4, 5)), end_of(date(2026, 4, 20))

    for instant, late in (
        (target - TICK, Lateness.ON_TIME), (target, Lateness.PAST_TARGET), (last - TICK, Lateness.PAST_TARGET),
        (last, Lateness.OVERDUE), (last + timedelta(days=99), Lateness.OVERDUE),
    ):
        rings(made, instant - made.now)
        assert case_of(made, T.MIS_OPERATION).lateness is late
    assert next_alarm(case_of(made, T.MIS_OPERATION)) is None


def test_working_days_are_those_in_force_when_it_is_opened() -> None:
    """CV-13: the calendar is data; what it says later moves no date that was given."""
    made = accepted().given(WorkingYear(2026, 1, Exceptions(holidays=(date(2026, 3, 9),))))
    made.submit(made.draft(nonce="n2"))

    assert case_of(made, T.DUPLICATE_CODE).due_on == date(2026, 3, 11)


@pytest.mark.parametrize(("days", "instant", "reason"), [
    (14, end_of(date(2026, 3, 20)) - TICK, "FRAUD_TOO_EARLY"), (15, start_of(date(2026, 3, 21)), ""),
])
def test_a_fraud_is_decided_from_its_fifteenth_day_on(days: int, instant: datetime, reason: str) -> None:
    """RD-22, A22: 15 days are a lower bound, counted in dates of Shanghai."""
    made = verified()
    case = handled(made, T.FRAUD)
    made.now = instant

    assert decided(made, case, police="police-1").reason == reason
    assert decided(made, case).reason == "POLICE_CASE_MISSING" if reason else True


def test_weights_and_what_is_full() -> None:
    """RD-34: notarized above a recording above a screenshot; full is what was done, and what came of it."""
    kinds = (EvidenceKind.SCREENSHOT, EvidenceKind.SCREEN_RECORDING, EvidenceKind.NOTARIZED)

    assert all(WEIGHTS[lighter] < WEIGHTS[heavier] for lighter, heavier in pairwise(kinds))
    assert strength(()) == 0
    assert strength((SCREENSHOT, NOTARIZED)) == 3
    assert is_full((NOTARIZED, SCREENSHOT))
    assert is_full((RECORDING, SCREENSHOT))
    assert not is_full((RECORDING,))
    assert not is_full((SCREENSHOT, Shown(SCREENSHOT.kind, "page 2")))
    assert not is_full((RECORDING, Shown(SCREENSHOT.kind, " FILM 1")))


_PLACES = st.builds(
    Place, id=st.text("ab", min_size=1, max_size=3), vip=st.integers(0, 9), payout=st.sampled_from(PayoutMethod),
    opened_at=st.integers(0, 86_400).map(lambda seconds: MIDNIGHT + timedelta(seconds=seconds)),
)


@given(st.lists(_PLACES, max_size=20))
def test_the_stored_rank_sorts_as_the_place_does(places: list[Place]) -> None:
    """RD-32: what the database sorts by is the key of the domain."""
    by_rank = sorted(places, key=lambda place: (place.rank, place.opened_at, place.id))

    assert [place.key for place in by_rank] == [place.key for place in sorted(places, key=lambda place: place.key)]


@pytest.mark.parametrize("kind", [T.MIS_OPERATION, T.CANCEL_DENIED, T.PLATFORM_FAULT])
def test_a_vip_is_heard_first_and_gets_the_same(kind: T) -> None:
    """RD-32: priority only, never another outcome."""
    ends = []
    for vip in (0, 4, 5, 9):
        made = completed()
        opened(made, kind, *FULL, vip=vip)
        case = handled(made, kind)
        decided(made, case)
        rings(made, timedelta(minutes=1))
        done = made.row(Dispute, case.id)
        assert done.state is DisputeState.EXECUTED
        assert done.place.rank == 2 + 3 * (vip < 5)
        ends.append((done.remedy, made.order().state, made.order().voucher, made.both()))

    assert all(end == ends[0] for end in ends)
