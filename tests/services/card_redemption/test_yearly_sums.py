"""What is redeemed under an agreement in a year, and the alert when that comes above its threshold (1.9)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.enterprise.agreement import Agreement
from services.card_redemption.domain.enterprise.commands import DrawAgreement
from services.card_redemption.domain.enterprise.events import AgreementDrawn, RedeemedAmountAlert
from services.card_redemption.domain.recycling.enterprise import crossed
from services.kernel.calendar import DAY, TICK, start_of
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


def test_what_is_told_after_new_year_is_no_part_of_the_new_years_sum() -> None:
    """Of the old year, up to the midnight of Shanghai; until one of the new year is told, the old sum is open."""
    made = world(replace(TERMS, alert_above_minor=20_000))
    new_year = start_of(date(2027, 1, 1))
    for number, (at, year, total) in enumerate((
        (new_year - DAY, 2026, 8_000), (new_year - TICK, 2026, 16_000), (new_year, 2027, 8_000),
        (new_year - TICK, 2026, 0), (new_year + DAY, 2027, 16_000), (new_year - DAY, 2026, 0),
    )):
        body = DrawAgreement("agr_1", f"rdm_{number}", 8_000, at)
        made.tell("agr_1", body, f"m-{number}", "card_redemption/crd_1")
        assert made.events[-1].body == AgreementDrawn(body.redemption_id, 8_000, year, total)
    agreement = made.row(Agreement, "agr_1")
    assert (agreement.year, agreement.redeemed_minor) == (2027, 16_000)
