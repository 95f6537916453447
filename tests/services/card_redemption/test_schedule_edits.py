"""An edit of a schedule is held to every rule that a submission is held to, each to the fen and the second (A18)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.enterprise.agreement import AgreementTerms
from services.card_redemption.domain.recycling.caps import FIRST_CAP_MINOR
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import ChannelPolicy, Kind, Limits
from services.card_redemption.domain.redemption.commands import EditSchedule
from services.card_redemption.domain.redemption.redeemer import Redeemer
from services.card_redemption.domain.redemption.states import RedemptionState as S
from services.kernel.calendar import start_of
from tests.services.card_redemption.redeeming import FACE_MINOR, Redeeming
from tests.services.card_redemption.test_enterprise import DAY, HOUR, SCHEDULED, SECOND, TERMS, submit, world

ELSEWHERE = replace(SCHEDULED, channel="ELSEWHERE", kind=Kind.THIRD_PARTY)
"""Of another issuer's card nothing but the declared face is known."""
FEW = replace(ELSEWHERE, channel="FEW", limits=Limits(face_min_minor=5_000, face_max_minor=9_000))


def scheduled(terms: ChannelPolicy = SCHEDULED, agreed: AgreementTerms = TERMS, completed: int = 1) -> Redeeming:
    """Accepted for in three days."""
    made = world(agreed).given(InForce(ELSEWHERE), InForce(FEW), Redeemer("cus_1", completed=1))
    assert submit(made, terms, scheduled_at=made.now + 3 * DAY) == ""
    made.given(replace(made.row(Redeemer, "cus_1"), completed=completed))
    return made


def edited(
    made: Redeeming, after: timedelta | None = None, face_minor: int | None = None, method: PayoutMethod | None = None,
    instrument: str = "",
) -> str:
    """Why it is refused; "" if it is edited. What is refused changes nothing."""
    before = made.order()
    scheduled_at = None if after is None else made.now + after
    reason = made.do(EditSchedule(before.id, "cus_1", scheduled_at, face_minor, method, instrument)).reason
    assert (reason == "") is (made.order() != before)
    return reason


@pytest.mark.parametrize(("off", "first", "later"), [(-1, "", ""), (0, "", ""), (1, "FIRST_REDEMPTION_CAP", "")])
def test_a_first_redemption_is_not_edited_above_its_cap(off: int, first: str, later: str) -> None:
    """RD-23: who submitted a small one and made it a large one had it all paid."""
    for completed, reason in ((0, first), (1, later)):
        assert edited(scheduled(ELSEWHERE, completed=completed), face_minor=FIRST_CAP_MINOR + off) == reason


def test_a_card_of_ours_is_judged_by_what_it_holds() -> None:
    """As when it was submitted; its customer had another one complete then."""
    assert edited(scheduled(completed=0), face_minor=FIRST_CAP_MINOR) == "FIRST_REDEMPTION_CAP"


def test_who_may_not_redeem_edits_nothing() -> None:
    """RD-25."""
    made = scheduled()
    made.given(replace(made.row(Redeemer, "cus_1"), restricted="spent", cases=("rdm_x",)))

    assert edited(made, face_minor=FACE_MINOR - 1) == "REDEEMER_RESTRICTED"


@pytest.mark.parametrize(("face_minor", "reason"), [
    (4_999, "FACE_OUT_OF_LIMITS"), (5_000, ""), (5_001, ""), (8_999, ""), (9_000, ""), (9_001, "FACE_OUT_OF_LIMITS"),
])
def test_the_limits_of_the_channel_are_those_of_an_edit(face_minor: int, reason: str) -> None:
    """Both ends are in (CV-9)."""
    assert edited(scheduled(FEW), face_minor=face_minor) == reason


@pytest.mark.parametrize(("off", "reason"), [(-SECOND, "LEAD_TOO_SHORT"), (timedelta(), ""), (SECOND, "")])
def test_the_new_schedule_lies_as_far_ahead_as_the_cut_off(off: timedelta, reason: str) -> None:
    """To the second (A18)."""
    made = scheduled(agreed=replace(TERMS, edit_cutoff=2 * HOUR))

    assert edited(made, 2 * HOUR + off) == reason


@pytest.mark.parametrize(("later", "over"), [(-SECOND, False), (timedelta(), True), (SECOND, True)])
@pytest.mark.parametrize(("agreed", "name"), [
    (replace(TERMS, until=date(2026, 3, 7)), "AGREEMENT_UNSIGNED"),
    (replace(TERMS, qualified_until=date(2026, 3, 7)), "QUALIFICATION_MISSING"),
])
def test_nothing_is_edited_after_the_last_day_of_the_agreement(
    agreed: AgreementTerms, name: str, later: timedelta, over: bool
) -> None:
    """Its last day counts to its midnight in Shanghai; what was submitted under it is redeemed all the same."""
    made = scheduled(agreed=agreed)
    made.now = start_of(date(2026, 3, 8)) + later

    assert edited(made, 4 * DAY) == (name if over else "")

    made.turn(5 * DAY)
    assert made.verify().state in (S.SETTLED, S.COMPLETED)


@pytest.mark.parametrize(("method", "instrument", "reason"), [
    (PayoutMethod.ORIGINAL, "pay-1", "PAYOUT_METHOD"), (PayoutMethod.BANK_CARD, "bank-2", ""),
    (PayoutMethod.JD_BALANCE, "", ""),
])
def test_the_new_way_to_be_paid_is_one_of_the_channels(method: PayoutMethod, instrument: str, reason: str) -> None:
    """ORIGINAL only where the payment that bought the card is known (OP-11)."""
    assert edited(scheduled(), method=method, instrument=instrument) == reason


@pytest.mark.parametrize(("face_minor", "reason"), [(0, "INVALID_AMOUNT"), (1, ""), (-1, "INVALID_AMOUNT")])
def test_a_face_of_nothing_is_none(face_minor: int, reason: str) -> None:
    """What is not named stays; what is named counts, 0 too."""
    assert edited(scheduled(), face_minor=face_minor) == reason
