"""Every window, cap, cut-off and SLA one second before it, at it and one second after it, where days, months and
holidays change in Shanghai. The bounds are read from the shipped documents as text: a new row of them is held by these
tests as soon as it is there (CV-9 to CV-13)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from itertools import product
from typing import Any, NamedTuple

import pytest
import yaml

from services.card_redemption.channels import BEHAVIOURS
from services.card_redemption.channels.behaviour import Settling
from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.recycling import caps, enterprise
from services.card_redemption.domain.recycling.policy import Asker, Settlement
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.cancelling import judged
from services.card_redemption.domain.redemption.drafts import must_be_confirmable
from services.card_redemption.domain.redemption.freezing import must_be_decidable
from services.card_redemption.domain.redemption.order import FraudReport, RedemptionOrder
from services.card_redemption.domain.redemption.redeemer import Redeemer
from services.card_redemption.domain.redemption.settling import condition_met
from services.card_redemption.domain.redemption.states import RedemptionState
from services.card_redemption.domain.redemption.submitting import Resubmitted, freeze_case
from services.card_redemption.domain.redemption.vouchers import issued
from services.card_redemption.domain.working_days.year import WorkingYear, calendar_of
from services.card_redemption.wire.calendars import shipped_calendars
from services.card_redemption.wire.policies import shipped_policies
from services.kernel.errors import SettlementError
from tests.services.card_redemption.redeeming import CARD, COOLING, ESCROW, MAO, SELF, Redeeming

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
OFF = (-SECOND, timedelta(), SECOND)
SHANGHAI = timedelta(hours=8)
ACCEPTED = tuple(
    datetime.fromisoformat(f"{day}T{time}+08:00").astimezone(UTC) for day, time in product(
        ("2026-01-31", "2026-02-13", "2026-02-28", "2026-03-06", "2026-04-30", "2026-09-30", "2026-12-31"),
        ("00:00:00", "12:00:00", "23:59:59"),
    )
)
"""The first and the last second of days before a month's end, a year's, holidays and worked Saturdays; and a noon."""
FOLDER = resources.files("services.card_redemption.channels")


def _read(name: str) -> Any:  # of whatever the document has
    return yaml.safe_load(FOLDER.joinpath(name).read_text(encoding="utf-8"))


ROWS: dict[str, dict[str, Any]] = _read("shipped.yaml")["channels"]
YEAR: dict[str, Any] = _read("working_days_2026.yaml")
TERMS = shipped_policies()


def _order(terms: Any, accepted_at: datetime, **fields: Any) -> RedemptionOrder:  # fields by name
    """A redemption that was accepted then."""
    made = Redeeming()
    draft = made.draft(MAO)
    known = {
        "id": "rdm_1", "card_id": CARD.id, "customer_id": "cus_1", "account_id": "acc_1", "terms": terms,
        "declared_minor": 9_000, "face_minor": 9_000, "entry": draft.entry, "method": draft.method, "instrument": "",
        "state": RedemptionState.ACCEPTED, "accepted_at": accepted_at, "updated_at": accepted_at,
    }
    return RedemptionOrder(**known | fields)


def _reason(do: Callable[[], object]) -> str:
    try:
        do()
    except SettlementError as error:
        return error.reason
    return ""


def test_the_documents_are_read_as_text_and_by_the_service_alike() -> None:
    """What the tests below expect comes from the rows themselves."""
    assert ROWS.keys() == TERMS.keys()


@pytest.mark.parametrize("channel", ROWS)
def test_a_window_is_open_to_its_last_second(channel: str) -> None:
    """CV-9, CV-11, A15, A20: by the row's own seconds, wherever midnight lies; who may not ask is refused anyway."""
    row, terms = ROWS[channel], TERMS[channel]
    window = row.get("window_seconds")
    for at, off in product(ACCEPTED, OFF):
        for elapsed in {off, off + SECOND * (window or 0)}:
            in_time = elapsed >= timedelta() and (window is None or elapsed <= window * SECOND)
            supported = window is not None or row.get("until_settled", False)
            shown = judged(_order(terms, at), Asker(row.get("asked_by", "CUSTOMER")), at + elapsed)

            if not supported:
                assert shown.verdict == "DENY_NOT_SUPPORTED"
            elif in_time:
                assert shown.verdict == ("REVIEW" if "review_within_seconds" in row else "ALLOW")
            else:
                assert shown.verdict == "DENY_WINDOW"
            assert shown.deadline == (None if window is None else at + window * SECOND)


@pytest.mark.parametrize("channel", [name for name, row in ROWS.items() if row.get("only_unverified")])
def test_the_start_of_the_verification_ends_a_window(channel: str) -> None:
    """RD-1: within the window, and the code is being read."""
    for at in ACCEPTED:
        order = _order(TERMS[channel], at, state=RedemptionState.VERIFYING)

        assert judged(order, TERMS[channel].asked_by, at).verdict == "DENY_VERIFIED"


@pytest.mark.parametrize("at", ACCEPTED)
def test_a_review_may_be_answered_in_its_last_second(at: datetime) -> None:
    """A20: 24 hours from the request, included."""
    within = timedelta(seconds=ROWS["KAQUANMAO"]["review_within_seconds"])
    for off in OFF:
        made = Redeeming(now=at)
        made.submitted(MAO)
        made.cancel()
        made.now = at + within + off

        made.do(ask.DecideCancelReview(made.order().id, True, "op-1", ""))

        expected = RedemptionState.CANCELLED if off <= timedelta() else RedemptionState.ACCEPTED
        assert made.order().state is expected


@pytest.mark.parametrize("cap", [row["limits"]["cancelled_daily_minor"] for row in ROWS.values()
                                 if "cancelled_daily_minor" in row.get("limits", {})])
def test_a_daily_cap_counts_its_number_and_begins_anew_at_midnight(cap: int) -> None:
    """A17, R40: by the date of Shanghai."""
    for at, off, more in product(ACCEPTED, OFF, (-1, 0, 1)):
        midnight = datetime.combine((at + SHANGHAI).date() + DAY, datetime.min.time(), UTC) - SHANGHAI
        before = caps.CancelledToday((midnight - SECOND + SHANGHAI).date(), cap - 9_000)

        after = caps.cancelled_more(before, midnight + off, 9_000 + more, cap)

        new_day = off >= timedelta()
        assert (after is not None) is (new_day or more <= 0)
        if after is not None:
            assert after.face_minor == (9_000 + more if new_day else cap + more)


def test_a_first_redemption_is_small() -> None:
    """RD-23: 100.00 is small."""
    for face, completed in product((9_999, 10_000, 10_001), (0, 1)):
        assert caps.first_fits(face, completed, caps.FIRST_CAP_MINOR) is (completed > 0 or face <= 10_000)


@pytest.mark.parametrize("at", ACCEPTED)
def test_a_draft_is_confirmed_after_two_seconds_and_for_fifteen_minutes(at: datetime) -> None:
    """RD-24: both ends count."""
    made = Redeeming(now=at)
    draft = made.draft(SELF, prepared_at=at)
    for off in OFF:
        for bound, reason in ((2, "CONFIRMED_TOO_FAST"), (900, "DRAFT_EXPIRED")):
            late = off > timedelta() if bound == 900 else off < timedelta()
            found = _reason(lambda at=at + SECOND * bound + off: must_be_confirmable(draft, SELF, at))  # type: ignore[misc]

            assert found == (reason if late else "")


@pytest.mark.parametrize("at", ACCEPTED)
def test_cut_offs_of_enterprises(at: datetime) -> None:
    """A18: an hour before, and at least an hour ahead; A19: 24 hours from each order; more than 500,000.00 (CV-9)."""
    hour = timedelta(hours=1)
    for off, annual in product(OFF, (49_999_999, 50_000_000, 50_000_001)):
        assert enterprise.may_edit(at - hour + off, at, hour) is (off <= timedelta())
        assert enterprise.may_schedule(at - hour + off, at, hour) is (off <= timedelta())
        revoked = enterprise.revocation(annual, 50_000_000, at, settled=False, at=at + DAY + off)
        expected = "DENY_NOT_ELIGIBLE" if annual <= 50_000_000 else "DENY_WINDOW" if off > timedelta() else "REVOKED"
        assert revoked == expected


@pytest.mark.parametrize("at", ACCEPTED)
def test_a_condition_may_be_met_in_its_last_second(at: datetime) -> None:
    """OP-16, R29, R30: and is revoked a microsecond later."""
    for off in OFF:
        made = Redeeming(now=at)
        made.submitted(ESCROW, deadline=at + DAY)
        made.verify()
        made.now = at + DAY + off

        assert _reason(lambda made=made: condition_met(made.order(), made.card_of(), made.now)) == (  # type: ignore[misc]
            "ESCROW_OVER" if off > timedelta() else ""
        )
        made.fire()
        expected = RedemptionState.REVOKED if off > timedelta() else RedemptionState.ESCROWED
        assert made.order().state is expected


@pytest.mark.parametrize("at", ACCEPTED)
def test_a_fraud_is_decided_on_the_fifteenth_day(at: datetime) -> None:
    """A22, CV-10: days of Shanghai, the day of the report not counted."""
    fifteenth = datetime.combine((at + SHANGHAI).date() + 15 * DAY, datetime.min.time(), UTC) - SHANGHAI
    order = _order(
        SELF, at, state=RedemptionState.FROZEN, frozen_from=RedemptionState.ACCEPTED, fraud=FraudReport(at, "police")
    )
    for off in OFF:
        found = _reason(lambda off=off: must_be_decidable(order, "case-1", fifteenth + off))  # type: ignore[misc]

        assert found == ("FRAUD_TOO_EARLY" if off < timedelta() else "")
    with pytest.raises(SettlementError) as refused:
        must_be_decidable(order, "case-1", at)
    assert datetime.fromisoformat(refused.value.metadata["not_before"]) == fifteenth
    assert str(fifteenth) in refused.value.detail


@pytest.mark.parametrize(("face", "value"), [(1, 1), (83_316, 4_999), (83_317, 5_000), (83_334, 5_000)])
def test_a_voucher_is_worth_the_loss_up_to_a_bound(face: int, value: int) -> None:
    """RD-28: what the face lost, 50.00 at most."""
    at = ACCEPTED[0]
    order = _order(
        SELF, at, state=RedemptionState.COMPLETED, face_minor=face, declared_minor=face, settled_at=at, verified_at=at
    )

    voucher = issued(order, replace(CARD, claimed_by=order.id), at + DAY).order.voucher

    assert voucher is not None
    assert voucher.value_minor == value == min(face - face * 940_000 // 1_000_000, 5_000)


class Days(NamedTuple):
    """The days of a document that are not as Monday to Friday."""

    holidays: frozenset[date]
    worked: frozenset[date]

    def next(self, day: date, count: int) -> date:
        """The working day so many behind a day."""
        while count:
            day += DAY
            count -= day in self.worked or (day.weekday() < 5 and day not in self.holidays)
        return day


def _days() -> Days:
    def spread(values: list[Any]) -> Iterator[date]:
        for value in values:
            first, _, last = str(value).partition("/")
            day = date.fromisoformat(first)
            while day <= date.fromisoformat(last or first):
                yield day
                day += DAY

    return Days(frozenset(spread(YEAR["holidays"])), frozenset(spread(YEAR["worked"])))


DAYS = _days()
CALENDAR = calendar_of(WorkingYear(year, 1, exceptions) for year, exceptions in shipped_calendars().values())


def test_tomorrow_is_the_next_working_day_of_every_day_of_the_year() -> None:
    """T+1, A21, R42: at the midnight of Shanghai with which it begins, whenever on its day it was accepted."""
    behaviour = BEHAVIOURS[Settlement.NEXT_WORKING_DAY]
    for number, time in product(range(364), (timedelta(), DAY - SECOND)):
        day = date(2026, 1, 1) + number * DAY
        at = datetime.combine(day, datetime.min.time(), UTC) - SHANGHAI + time
        expected = datetime.combine(DAYS.next(day, 1), datetime.min.time(), UTC) - SHANGHAI

        assert behaviour.settles_at(Settling(at, at), CALENDAR) == expected
        late = expected + SECOND
        assert behaviour.settles_at(Settling(at, late), CALENDAR) == late


def test_a_freeze_case_is_due_two_working_days_later() -> None:
    """RD-20: by the calendar of Shanghai, over holidays and worked weekends."""
    for at in ACCEPTED:
        case = freeze_case(CARD.id, Resubmitted("rdm_1", "n2", "cus_2"), CALENDAR, at)

        assert case.due_on == DAYS.next((at + SHANGHAI).date(), 2)


@pytest.mark.parametrize("channel", ROWS)
def test_a_channel_may_be_put_in_force_as_it_is_shipped(channel: str) -> None:
    """RD-10: 95.0000 % has no window; the same row with a window is refused."""
    row = ROWS[channel]

    assert row["rate_ppm"] < 950_000 or ("window_seconds" not in row and not row.get("until_settled"))
    assert TERMS[channel].guarded
    assert InForce(TERMS[channel]).key


def test_what_was_cancelled_before_midnight_does_not_count_after_it() -> None:
    """A17: the cap itself in the last two seconds of a day, one fen more is too much, and a second later it is not."""
    for last in ACCEPTED[2::3]:
        made = Redeeming(now=last - SECOND).given(Redeemer("cus_1", completed=1))
        made.submitted(COOLING, "n1", declared_minor=30_000)
        made.cancel("n1")
        made.now = last
        made.submitted(COOLING, "n2", declared_minor=20_000)
        made.cancel("n2")
        made.submitted(COOLING, "n3", declared_minor=1)
        made.cancel("n3")
        refused = made.order("n3")
        made.now = last + SECOND
        made.cancel("n3")

        assert refused.state is RedemptionState.ACCEPTED
        assert refused.reason == "CANCEL_DAILY_CAP"
        assert {made.order(name).state for name in ("n1", "n2", "n3")} == {RedemptionState.CANCELLED}
        assert made.row(Redeemer, "cus_1").cancelled.face_minor == 1
