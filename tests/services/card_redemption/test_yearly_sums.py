"""What is redeemed under an agreement in a year, and the alert when that comes above its threshold (1.9)."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.enterprise.agreement import Agreement, AgreementYear
from services.card_redemption.domain.enterprise.commands import DrawAgreement
from services.card_redemption.domain.enterprise.events import AgreementDrawn, RedeemedAmountAlert
from services.card_redemption.domain.recycling.enterprise import crossed
from services.kernel.calendar import DAY, TICK, start_of
from tests.services.card_redemption.redeeming import Redeeming
from tests.services.card_redemption.test_enterprise import SECOND_CARD, TERMS, submit, world


@pytest.mark.parametrize(("before", "after", "told"), [
    (0, 49_999_999, False), (0, 50_000_000, False), (50_000_000, 50_000_001, True), (0, 50_000_001, True),
    (50_000_001, 60_000_000, False),
])
def test_an_amount_is_above_a_threshold_by_one_fen(before: int, after: int, told: bool) -> None:
    """Strictly, and once (CV-9)."""
    assert crossed(before, after, 50_000_000) is told


def test_an_alert_is_told_when_the_sum_of_a_year_comes_above_the_threshold() -> None:
    """Once a year; another year begins at nothing, at the midnight of Shanghai."""
    made = world(replace(TERMS, alert_above_minor=8_000))
    submit(made)
    submit(made, nonce=SECOND_CARD)
    made.now += timedelta(hours=1)

    told = [event.body for event in made.events if isinstance(event.body, AgreementDrawn | RedeemedAmountAlert)]
    second = made.order(SECOND_CARD).id
    assert told == [
        AgreementDrawn(made.order().id, 8_000, 2026, 8_000), AgreementDrawn(second, 8_000, 2026, 16_000),
        RedeemedAmountAlert("cus_1", second, 2026, 16_000, 8_000),
    ]
    for at, total in ((start_of(date(2027, 1, 1)) - TICK, 24_000), (start_of(date(2027, 1, 1)), 8_000)):
        made.tell("agr_1", DrawAgreement("agr_1", "rdm_x", 8_000, at), f"m-{at}", "card_redemption/crd_1")
        assert made.row(Agreement, "agr_1").redeemed_minor == total
    assert made.row(GiftCard, "crd_2").claimed_by == second


NEW_YEAR = start_of(date(2027, 1, 1))
LONG_AGO = start_of(date(2025, 7, 1))


def draw(made: Redeeming, at: datetime, face: int = 8_000) -> list[object]:
    """Tell the agreement of a redemption that was accepted then; answers what that tells, whichever it was."""
    told = len(made.events)
    body = DrawAgreement("agr_1", f"rdm_{told}", face, at)
    made.tell("agr_1", body, f"m-{told}", "card_redemption/crd_1")
    new = [event.body for event in made.events[told:]]
    return [replace(each, redemption_id="") for each in new if isinstance(each, AgreementDrawn | RedeemedAmountAlert)]


def sums(made: Redeeming) -> dict[int, int]:
    """The sums of all years."""
    agreement = made.row(Agreement, "agr_1")
    closed = {row.year: row.redeemed_minor for row in made.rows.values() if isinstance(row, AgreementYear)}
    return closed | {agreement.year: agreement.redeemed_minor}


def alert(year: int, total: int, above: int) -> RedeemedAmountAlert:
    """What people are told, with whichever redemption."""
    return RedeemedAmountAlert("cus_1", "", year, total, above)


def test_what_is_told_after_new_year_is_of_the_year_in_which_it_was_accepted() -> None:
    """Up to the midnight of Shanghai, however late it is told, of however old a year."""
    made = world(replace(TERMS, alert_above_minor=90_000))
    for at, year, total in (
        (NEW_YEAR - DAY, 2026, 8_000), (NEW_YEAR - TICK, 2026, 16_000), (NEW_YEAR, 2027, 8_000),
        (NEW_YEAR - TICK, 2026, 24_000), (NEW_YEAR + DAY, 2027, 16_000), (LONG_AGO, 2025, 8_000),
        (NEW_YEAR - DAY, 2026, 32_000), (start_of(date(2029, 1, 1)), 2029, 8_000), (LONG_AGO, 2025, 16_000),
        (NEW_YEAR, 2027, 24_000), (start_of(date(2028, 1, 1)), 2028, 8_000),
    ):
        assert draw(made, at) == [AgreementDrawn("", 8_000, year, total)]
    assert sums(made) == {2025: 16_000, 2026: 32_000, 2027: 24_000, 2028: 8_000, 2029: 8_000}


@pytest.mark.parametrize("late", [8_000, 8_001])
def test_a_year_that_is_over_comes_above_its_threshold_too(late: int) -> None:
    """By more than nothing, once, and at the end of that very year; the sum of the present year has no part in it."""
    made = world(replace(TERMS, alert_above_minor=16_000))
    draw(made, NEW_YEAR - TICK)
    draw(made, NEW_YEAR)
    told = draw(made, NEW_YEAR - TICK, late)

    total = 8_000 + late
    assert told == [AgreementDrawn("", late, 2026, total), *[alert(2026, total, 16_000)] * (late > 8_000)]
    again = draw(made, NEW_YEAR - TICK)
    assert again[1:] == ([] if late > 8_000 else [alert(2026, 24_000, 16_000)])
    assert draw(made, NEW_YEAR) == [AgreementDrawn("", 8_000, 2027, 16_000)]
    assert draw(made, NEW_YEAR, 1) == [AgreementDrawn("", 1, 2027, 16_001), alert(2027, 16_001, 16_000)]


def test_a_face_that_is_found_after_new_year_changes_the_sum_of_its_year() -> None:
    """It is less, and the sum comes down and up again with what is accepted late."""
    made = world(replace(TERMS, alert_above_minor=16_000))
    draw(made, NEW_YEAR - TICK, 16_000)
    draw(made, NEW_YEAR, 500)

    assert draw(made, NEW_YEAR - TICK, -15_000) == [AgreementDrawn("", -15_000, 2026, 1_000)]
    assert draw(made, NEW_YEAR - DAY, 15_000) == [AgreementDrawn("", 15_000, 2026, 16_000)]
    assert draw(made, NEW_YEAR - DAY, 1) == [AgreementDrawn("", 1, 2026, 16_001), alert(2026, 16_001, 16_000)]
    assert sums(made) == {2026: 16_001, 2027: 500}


@pytest.mark.parametrize(("fall", "total"), [(-7_999, 1), (-8_000, 0), (-8_001, 0)])
def test_what_would_leave_nothing_of_a_year_that_is_over_corrects_what_was_never_counted(fall: int, total: int) -> None:
    """A release of before counted nothing that was told late; each that is counted has its face in the sum."""
    made = world(TERMS)
    draw(made, NEW_YEAR - TICK)
    draw(made, NEW_YEAR)

    assert draw(made, NEW_YEAR - TICK, fall) == [AgreementDrawn("", fall, 2026, total)]
    assert sums(made) == {2026: total or 8_000, 2027: 8_000}
