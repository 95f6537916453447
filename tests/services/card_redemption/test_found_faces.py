"""What is asked of a face that is submitted is asked again of another that the verification finds (RD-21, RD-23)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.enterprise.events import AgreementDrawn, RedeemedAmountAlert
from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome
from services.card_redemption.domain.recycling.caps import FIRST_CAP_MINOR
from services.card_redemption.domain.recycling.policy import ChannelPolicy, Limits
from services.card_redemption.domain.redemption.commands import CorrectFace, EditSchedule
from services.card_redemption.domain.redemption.redeemer import Redeemer, RedeemerStanding
from services.card_redemption.domain.redemption.states import RedemptionState as S
from services.card_redemption.domain.states import CardStanding
from services.card_redemption.domain.verification import AskRelease, Releasing
from tests.lifecycles import is_sound
from tests.services.card_redemption.redeeming import CARD, FACE_MINOR, SELF, SU, Redeeming
from tests.services.card_redemption.retelling import Retelling
from tests.services.card_redemption.test_enterprise import RECYCLED, SCHEDULED, TERMS, submit
from tests.services.card_redemption.test_enterprise import world as enterprise
from tests.services.card_redemption.test_releasing import say

BOUNDED = replace(SU, channel="BOUNDED", limits=Limits(face_min_minor=5_000, face_max_minor=9_000))
OWN_BOUNDED = replace(SELF, channel="OWN_BOUNDED", limits=BOUNDED.limits)
CAP, LIMITS = "FIRST_REDEMPTION_CAP", "FACE_OUT_OF_LIMITS"


def _found(face_minor: int, terms: ChannelPolicy = SU, completed: int = 0) -> tuple[Redeeming, Retelling]:
    """A card of 80.00 was submitted, and is worth so much."""
    made = Redeeming().given(InForce(BOUNDED), InForce(OWN_BOUNDED))
    made.given(Redeemer("cus_1", completed=completed), RedeemerStanding("cus_1", completed=completed))
    made.given(replace(CARD, balance_minor=FACE_MINOR, version=2))
    retelling = Retelling(made)
    made.submitted(terms)
    if made.card_of().id == CARD.id:
        made.given(replace(made.card_of(), balance_minor=20_000))
    made.verify(face_minor)
    is_sound(made)
    return made, retelling


@pytest.mark.parametrize(("terms", "completed", "face_minor", "reason"), [
    (SU, 0, FIRST_CAP_MINOR, ""), (SU, 0, FIRST_CAP_MINOR + 1, CAP), (SU, 1, FIRST_CAP_MINOR + 1, ""),
    (BOUNDED, 1, 9_000, ""), (BOUNDED, 1, 9_001, LIMITS), (BOUNDED, 1, 5_000, ""), (BOUNDED, 1, 4_999, LIMITS),
])
def test_a_found_face_is_bounded_like_a_submitted_one(
    terms: ChannelPolicy, completed: int, face_minor: int, reason: str
) -> None:
    """Both ends count; beyond them its provider is asked for the code, and nobody is paid (CV-9, OP-7)."""
    made, _ = _found(face_minor, terms, completed)

    order = made.order()
    assert (order.state, order.reason) == ((S.REVOKING, reason) if reason else (S.COMPLETED, ""))
    assert any(isinstance(each, AskRelease) for each in made.actions) is bool(reason)


def test_a_card_beyond_the_cap_is_given_back_where_its_provider_lets_go_of_it() -> None:
    """With why, which is on record too; the code is good again."""
    made, retelling = _found(FIRST_CAP_MINOR + 1)

    assert say(made, Releasing.RELEASED) is S.REVOKED

    assert (made.order().reason, made.card_of().standing, made.both()) == (CAP, CardStanding.ACTIVE, {
        ("L.GIFTCARD", CARD.id): -CARD.balance_minor,  # another one, of ours
    })
    denied = next(each for each in made.records if isinstance(each, Attempt) and each.kind == "VERIFY_CODE")
    assert (denied.outcome, denied.reason) == (AttemptOutcome.DENIED, CAP)
    assert retelling.faults() == []


def test_a_card_beyond_the_cap_is_paid_where_its_provider_keeps_the_code() -> None:
    """A cap that refused to pay would take the card from whom it is to protect (D120)."""
    made, retelling = _found(FIRST_CAP_MINOR + 1)

    say(made, Releasing.NOT_RELEASED)
    made.turn(timedelta())
    made.settle_down()

    order = made.order()
    assert (order.state, order.face_minor, order.reason) == (S.COMPLETED, FIRST_CAP_MINOR + 1, "")
    assert retelling.faults() == []


@pytest.mark.parametrize(("terms", "completed", "face_minor", "reason"), [
    (SELF, 0, FIRST_CAP_MINOR + 1, CAP), (OWN_BOUNDED, 1, 9_001, LIMITS),
])
def test_a_card_of_ours_beyond_a_bound_comes_back_under_a_new_code(
    terms: ChannelPolicy, completed: int, face_minor: int, reason: str
) -> None:
    """A refund came back to it after it was submitted; nobody has to agree (OP-7)."""
    made, retelling = _found(face_minor, terms, completed)

    card = made.card_of()
    assert (made.order().state, made.order().reason) == (S.REVOKED, reason)
    assert (card.standing, card.code_number) == (CardStanding.ACTIVE, CARD.code_number + 1)
    assert made.order().payouts == ()
    assert retelling.faults() == []


def _drawn(made: Redeeming) -> list[object]:
    return [each.body for each in made.events if isinstance(each.body, AgreementDrawn | RedeemedAmountAlert)]


def test_the_sum_of_a_year_follows_the_faces_that_are_found() -> None:
    """Whoever declared less is alerted about all the same; a correction counts, too (RD-21)."""
    made = enterprise(replace(TERMS, alert_above_minor=10_000))
    submit(made, RECYCLED, card_id="fcd_1", blind_index="index-2")
    name = made.order().id
    made.verify(12_000)
    made.do(CorrectFace(name, 11_000, "op-1"))
    made.do(CorrectFace(name, 11_500, "op-1"))

    assert _drawn(made) == [
        AgreementDrawn(name, FACE_MINOR, 2026, FACE_MINOR), AgreementDrawn(name, 4_000, 2026, 12_000),
        RedeemedAmountAlert("cus_1", name, 2026, 12_000, 10_000), AgreementDrawn(name, -1_000, 2026, 11_000),
        AgreementDrawn(name, 500, 2026, 11_500),
    ]


def test_the_sum_of_a_year_follows_an_edit() -> None:
    """It changes what is to be redeemed (A18)."""
    made = enterprise(replace(TERMS, alert_above_minor=10_000))
    submit(made, SCHEDULED, scheduled_at=made.now + timedelta(hours=5))
    name = made.order().id
    made.do(EditSchedule(name, "cus_1", None, 12_000, None, ""))

    assert _drawn(made)[1:] == [
        AgreementDrawn(name, 4_000, 2026, 12_000), RedeemedAmountAlert("cus_1", name, 2026, 12_000, 10_000),
    ]
