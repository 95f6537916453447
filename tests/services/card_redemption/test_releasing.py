"""The code of another issuer's card comes back only from the provider that has read it (OP-7): asked, asked again,
late, of two minds, and never half."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.commands import UnfreezeCard
from services.card_redemption.domain.disputes.case import DisputeState, Remedy
from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.domain.record.attempt import Attempt
from services.card_redemption.domain.recycling.policy import Asker, CancelFee, ChannelPolicy, Limits, Settlement
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.cancelling import judged
from services.card_redemption.domain.redemption.states import RedemptionState as S
from services.card_redemption.domain.redemption.timers import ASK_AGAIN, RELEASE
from services.card_redemption.domain.states import CardState
from services.card_redemption.domain.verification import AskRelease, Releasing, ReportRelease
from services.kernel.calendar import TICK
from tests.lifecycles import is_sound
from tests.services.card_redemption.disputing import FULL, case_of, decided, ends, handled
from tests.services.card_redemption.redeeming import FACE_MINOR, KEPT, SU, Redeeming

YES, NO, SILENT = Releasing.RELEASED, Releasing.NOT_RELEASED, Releasing.UNKNOWN
RECORDING = ("SCREEN_RECORDING:1",)
DAYS = timedelta(days=20)


def verified(terms: ChannelPolicy = KEPT) -> Redeeming:
    """A card of another issuer that its provider has read, and that settles tomorrow."""
    made = Redeeming().given(InForce(terms))
    made.submitted(terms)
    assert made.verify().state is S.VERIFIED
    return made


def say(made: Redeeming, told: Releasing) -> S:
    """The provider answers; where the redemption stands then."""
    order = made.order()
    made.tell(order.card_id, ReportRelease(order.card_id, order.id, order.id, told))
    made.settle_down()
    is_sound(made)
    return made.order().state


def asks(made: Redeeming) -> list[AskRelease]:
    """How often its provider was asked."""
    return [each for each in made.actions if isinstance(each, AskRelease)]


def intercept(made: Redeeming) -> str:
    """Support takes it back; the reason why not, if it is refused."""
    return made.do(ask.InterceptRedemption(made.order().id, "op-1", RECORDING)).reason


def records(made: Redeeming) -> list[tuple[str, str]]:
    """What the permanent record has of answers."""
    found = [each for each in made.records if isinstance(each, Attempt) and each.kind == "RELEASE_CODE"]
    return [(each.outcome.value, each.reason) for each in found]


@pytest.mark.parametrize("take_back", ["cancel", "intercept"])
def test_a_code_that_is_let_go_of_is_good_again(take_back: str) -> None:
    """Nothing is posted, and the very same code may be submitted again."""
    made = verified()
    assert (made.cancel().reason if take_back == "cancel" else intercept(made)) == ""
    assert made.order().state is S.REVOKING

    assert say(made, YES) is S.REVOKED

    assert (made.card_of().state, made.card_of().code_number, made.journals) == (CardState.ACTIVE, 1, [])
    assert made.submitted(KEPT, "n2").state is S.ACCEPTED
    assert records(made) == [("DONE", "")]


@pytest.mark.parametrize("take_back", ["cancel", "intercept"])
def test_a_code_that_is_kept_goes_on_and_is_paid_for(take_back: str) -> None:
    """NOT_REVOCABLE: it stands where it stood, and settles when it is due."""
    made = verified()
    made.cancel() if take_back == "cancel" else intercept(made)

    assert say(made, NO) is S.VERIFIED

    assert (made.order().reason, made.order().cancel_requested_at) == ("NOT_REVOCABLE", None)
    assert records(made) == [("FAILED", "NOT_REVOCABLE")]
    made.turn(DAYS)
    made.settle_down()
    assert made.order().state is S.COMPLETED


@pytest.mark.parametrize("face", [FACE_MINOR, 1])
def test_a_code_that_is_kept_beyond_its_day_is_paid_for_at_once(face: int) -> None:
    """What it waited for is long over; of a single fen nothing is left to be paid."""
    made = Redeeming().given(InForce(KEPT))
    made.submitted(KEPT, declared_minor=face)
    made.verify(face)
    intercept(made)
    made.turn(DAYS)

    assert say(made, NO) is S.COMPLETED


def test_a_provider_that_says_nothing_is_asked_again_and_nobody_is_paid_meanwhile() -> None:
    """Under the same key, every 30 seconds, however long that takes."""
    made = verified()
    made.cancel()
    first = asks(made)
    assert say(made, SILENT) is S.REVOKING

    made.turn(ASK_AGAIN - TICK)
    assert len(asks(made)) == len(first)
    made.turn(TICK)
    assert len(asks(made)) == len(first) + 1
    made.turn(DAYS)
    made.settle_down()

    assert made.order().state is S.REVOKING
    assert {each.key for each in asks(made)} == {made.order().id}
    assert made.journals == []
    assert say(made, YES) is S.REVOKED
    assert (RELEASE, made.order().id) not in {(timer.kind, timer.key) for timer in made.timers.values()}


@pytest.mark.parametrize(("first", "then", "state", "told"), [
    (YES, NO, S.REVOKED, [("DONE", "")]), (YES, YES, S.REVOKED, [("DONE", "")]),
    (NO, YES, S.VERIFIED, [("FAILED", "NOT_REVOCABLE")]), (NO, NO, S.VERIFIED, [("FAILED", "NOT_REVOCABLE")]),
])
def test_the_first_answer_counts(first: Releasing, then: Releasing, state: S, told: list[tuple[str, str]]) -> None:
    """One that comes when nobody awaits it changes nothing."""
    made = verified()
    made.cancel()
    say(made, first)

    assert say(made, then) is state

    assert records(made) == told


def test_a_yes_to_what_was_paid_is_on_record() -> None:
    """Somebody has to look at it: the provider let go of what it is to pay for."""
    made = verified()
    made.cancel()
    say(made, NO)
    made.turn(DAYS)
    made.settle_down()

    assert say(made, YES) is S.COMPLETED

    assert records(made) == [("FAILED", "NOT_REVOCABLE"), ("FAILED", "RELEASED_TOO_LATE")]


def test_nobody_takes_back_what_is_being_taken_back() -> None:
    """It is refused, and the provider is not asked for it."""
    made = verified()
    made.cancel()
    asked = len(asks(made))

    assert made.cancel().reason == "REDEMPTION_STATE"
    assert intercept(made) == "REDEMPTION_STATE"
    assert len(asks(made)) == asked


@pytest.mark.parametrize("terms", [
    replace(KEPT, channel="FEE", fee=CancelFee(1)),
    replace(KEPT, channel="CAP", limits=Limits(cancelled_daily_minor=FACE_MINOR)),
    replace(KEPT, channel="REVIEWED_FEE", fee=CancelFee(share_ppm=1_000), reviewed=True),
])
def test_what_costs_something_is_not_taken_back_once_it_is_read(terms: ChannelPolicy) -> None:
    """No fee is taken for what a provider may refuse; what is shown says so, too (RD-35)."""
    made = verified(terms)

    assert made.cancel().reason == "NOT_REVOCABLE"
    assert judged(made.order(), Asker.CUSTOMER, made.now).verdict == "DENY_VERIFIED"
    assert (asks(made), made.order().state) == ([], S.VERIFIED)


@pytest.mark.parametrize(("told", "state"), [(YES, S.REVOKED), (NO, S.VERIFIED)])
def test_a_reviewer_says_yes_before_the_provider_is_asked(told: Releasing, state: S) -> None:
    """A20, then OP-7."""
    made = verified(replace(KEPT, channel="REVIEWED", reviewed=True))
    made.cancel()
    assert (made.order().state, asks(made)) == (S.CANCEL_REVIEW, [])
    made.do(ask.DecideCancelReview(made.order().id, True, "op-1", ""))

    assert say(made, told) is state


def test_a_fraud_report_stops_it_and_its_provider_is_asked_again_after_it() -> None:
    """What it said meanwhile is not heard; it says it again (RD-22, OP-8)."""
    made = verified()
    made.cancel()
    made.do(ask.ReportFraud(made.order().id, "police"))
    assert say(made, YES) is S.FROZEN
    asked = len(asks(made))
    made.turn(DAYS)
    assert len(asks(made)) == asked

    made.do(ask.DecideFraud(made.order().id, False, "case-1", "op-1"))
    assert made.order().state is S.REVOKING
    made.fire()

    assert len(asks(made)) == asked + 1
    assert say(made, YES) is S.REVOKED


def test_a_fraud_ends_it() -> None:
    """OP-8: nothing had settled, and nothing is paid."""
    made = verified()
    made.cancel()
    made.do(ask.ReportFraud(made.order().id, "police"))
    made.turn(DAYS)
    made.do(ask.DecideFraud(made.order().id, True, "case-1", "op-1"))

    assert say(made, YES) is S.CLOSED_FRAUD
    assert made.journals == []


@pytest.mark.parametrize(("told", "remedy", "state"), [
    (YES, Remedy.REVOCATION, S.REVOKED), (NO, Remedy.VOUCHER, S.COMPLETED),
])
def test_a_case_waits_for_the_provider(told: Releasing, remedy: Remedy, state: S) -> None:
    """Revoked by OP-7, else a voucher (OP-14)."""
    made = verified()
    case = handled(made, DisputeType.MIS_OPERATION, *FULL)
    assert decided(made, case).reason == ""
    assert (made.order().state, case_of(made, case.type).state) == (S.REVOKING, DisputeState.DECIDED)

    say(made, told)
    made.turn(DAYS)
    made.settle_down()
    made.turn(DAYS)
    made.settle_down()

    assert (ends(made, case, DisputeState.EXECUTED).remedy, made.order().state) == (remedy, state)


def for_a_condition() -> Redeeming:
    """Another issuer's card in a channel that settles on a condition, which has an hour."""
    terms = replace(SU, channel="ESCROW_2", window=None, only_unverified=False, settlement=Settlement.ON_CONDITION)
    made = Redeeming().given(InForce(terms))
    made.submitted(terms, deadline=made.now + timedelta(hours=1))
    return made


def test_a_code_that_is_kept_of_a_card_that_was_thawed_meanwhile_waits_for_its_condition() -> None:
    """Frozen it did not go into escrow, so it could still be taken back; its provider says no."""
    made = for_a_condition()
    card_id = made.card_of().id
    assert made.verify(frozen_for="case_1").state is S.VERIFIED
    assert intercept(made) == ""
    made.when(card_id, UnfreezeCard(card_id, "case_1", "op-1"))

    assert say(made, NO) is S.ESCROWED


def test_escrow_leaves_another_issuers_card_its_code() -> None:
    """No other code of it is known: who submits it again finds it as it was."""
    made = for_a_condition()
    assert made.verify().state is S.ESCROWED

    made.turn(timedelta(hours=1) + TICK)

    assert (made.order().state, made.card_of().code_number) == (S.REVOKED, 1)
    is_sound(made)
