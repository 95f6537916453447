"""What a channel pays and until when it can be cancelled, at every boundary: one microsecond before, at it, after."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.card_redemption.domain.cards.transfers import may_withdraw
from services.card_redemption.domain.disputes.queue import Place
from services.card_redemption.domain.recycling.caps import CancelledToday, cancelled_more, first_fits
from services.card_redemption.domain.recycling.enterprise import (
    CUTOFF_MIN,
    MOU_ABOVE_MINOR,
    REVOKE_WINDOW,
    Revocation,
    may_edit,
    may_schedule,
    revocation,
)
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import CancelFee, ChannelPolicy, Kind, Limits
from services.card_redemption.domain.recycling.windows import CanCancel, Verdict, Verification, can_cancel
from services.kernel.calendar import TICK, start_of

ACCEPTED = datetime(2026, 3, 6, 2, tzinfo=UTC)
WINDOW = timedelta(seconds=480)
TEN_PERCENT = CancelFee(share_ppm=100_000)
REVIEWED = ChannelPolicy(
    "KAQUANMAO", Kind.THIRD_PARTY, 940_000, WINDOW, TEN_PERCENT, only_unverified=True, reviewed=True
)
SELF = ChannelPolicy("SELF", Kind.SELF, 940_000, timedelta(seconds=5), only_unverified=True)
NEVER = ChannelPolicy("DUIDUI", Kind.THIRD_PARTY, 950_000)


def verdict(policy: ChannelPolicy, elapsed: timedelta, verification: Verification = Verification.NONE) -> Verdict:
    """What is said of a cancellation so long after the acceptance."""
    return can_cancel(policy, 10_000, ACCEPTED, at=ACCEPTED + elapsed, verification=verification).verdict


@pytest.mark.parametrize(("elapsed", "expected"), [
    (-TICK, Verdict.DENY_WINDOW), (timedelta(), Verdict.REVIEW), (WINDOW - TICK, Verdict.REVIEW),
    (WINDOW, Verdict.REVIEW), (WINDOW + TICK, Verdict.DENY_WINDOW),
])
def test_both_ends_of_a_window_are_in_it(elapsed: timedelta, expected: Verdict) -> None:
    """8分钟 includes the eighth minute (CV-9); before the acceptance nothing is allowed (CV-11)."""
    assert verdict(REVIEWED, elapsed) is expected


@pytest.mark.parametrize(("elapsed", "expected"), [
    (-TICK, Verdict.DENY_WINDOW), (timedelta(), Verdict.ALLOW), (timedelta(days=9), Verdict.ALLOW),
])
def test_a_channel_may_be_open_until_it_settles(elapsed: timedelta, expected: Verdict) -> None:
    """T+1: no clock ends it, and before the acceptance it is closed like any other (CV-11)."""
    policy = ChannelPolicy("T_PLUS_1", Kind.SELF, 940_000, until_settled=True)

    shown = can_cancel(policy, 100, ACCEPTED, at=ACCEPTED + elapsed, verification=Verification.DONE)
    assert shown == CanCancel(expected, 0, None)


@pytest.mark.parametrize("verification", [Verification.STARTED, Verification.DONE])
def test_a_verification_that_has_started_closes_the_window(verification: Verification) -> None:
    """What is read is void (RD-1); out of the window that is what stands against it first."""
    assert verdict(SELF, timedelta(seconds=5), verification) is Verdict.DENY_VERIFIED
    assert verdict(SELF, timedelta(seconds=5) + TICK, verification) is Verdict.DENY_WINDOW
    assert verdict(SELF, timedelta(seconds=5)) is Verdict.ALLOW


def test_what_is_shown_is_what_the_command_asks() -> None:
    """Fee and deadline stand beside the verdict (RD-35); a channel without a window has no deadline."""
    shown = can_cancel(REVIEWED, 9_995, ACCEPTED, at=ACCEPTED, verification=Verification.NONE)

    assert shown == CanCancel(Verdict.REVIEW, 1_000, ACCEPTED + WINDOW)
    never = can_cancel(NEVER, 9_995, ACCEPTED, at=ACCEPTED, verification=Verification.NONE)
    assert never == CanCancel(Verdict.DENY_NOT_SUPPORTED, 0, None)


@pytest.mark.parametrize(("rate_ppm", "window", "guarded"), [
    (950_000, WINDOW, False), (949_999, WINDOW, True), (950_000, None, True), (1_000_000, timedelta(), False),
])
def test_who_pays_95_percent_lets_nobody_cancel(rate_ppm: int, window: timedelta | None, guarded: bool) -> None:
    """95.0000 % is among them (RD-10)."""
    assert ChannelPolicy("X", Kind.SELF, rate_ppm, window).guarded is guarded


def test_a_channel_without_end_is_a_window_too() -> None:
    """Who may cancel until it settles may cancel: RD-10 holds for it."""
    assert ChannelPolicy("X", Kind.SELF, 949_999, until_settled=True).guarded
    assert not ChannelPolicy("X", Kind.SELF, 950_000, until_settled=True).guarded


@pytest.mark.parametrize(("face", "taken"), [(99, False), (100, True), (500, True), (501, False)])
def test_limits_hold_their_own_numbers(face: int, taken: bool) -> None:
    """以上 and 以下 include them (CV-9)."""
    assert Limits(100, 500).take(face) is taken


@given(face=st.integers(0, 10**13), rate_ppm=st.integers(0, 1_000_000))
def test_a_face_is_its_payout_and_its_spread(face: int, rate_ppm: int) -> None:
    """To the fen, and neither is below nothing (CV-3)."""
    policy = ChannelPolicy("X", Kind.SELF, rate_ppm)

    assert policy.payout_minor(face) + policy.spread_minor(face) == face
    assert 0 <= policy.payout_minor(face) * 1_000_000 <= face * rate_ppm


def test_a_fee_is_an_amount_and_a_share_of_the_face() -> None:
    """5元/笔, and 10 % to the nearest fen."""
    assert [CancelFee(500).of(face) for face in (1, 100_000)] == [500, 500]
    assert [TEN_PERCENT.of(face) for face in (9_994, 9_995, 4, 5)] == [999, 1_000, 0, 1]


def test_the_cap_of_a_day_counts_faces_and_begins_at_midnight_in_shanghai() -> None:
    """Its number is in it, and what was denied does not count (A17)."""
    midnight = start_of(date(2026, 3, 7))
    full = cancelled_more(CancelledToday(date.min), midnight - TICK, 50_000, 50_000)

    assert full == CancelledToday(date(2026, 3, 6), 50_000)
    assert cancelled_more(full, midnight - TICK, 1, 50_000) is None
    assert cancelled_more(full, midnight, 50_000, 50_000) == CancelledToday(date(2026, 3, 7), 50_000)
    assert cancelled_more(full, midnight, 50_001, 50_000) is None


@pytest.mark.parametrize(("face", "completed", "fits"), [(10_000, 0, True), (10_001, 0, False), (10_001, 1, True)])
def test_the_first_card_is_small(face: int, completed: int, fits: bool) -> None:
    """不超过100元, until one order was completed (RD-23)."""
    assert first_fits(face, completed, 10_000) is fits


@pytest.mark.parametrize(("ahead", "may"), [(CUTOFF_MIN - TICK, False), (CUTOFF_MIN, True), (2 * CUTOFF_MIN, True)])
def test_the_cut_off_of_an_enterprise(ahead: timedelta, may: bool) -> None:
    """It bounds the lead of a schedule and its edits alike (A18)."""
    assert may_schedule(ACCEPTED, ACCEPTED + ahead, CUTOFF_MIN) is may
    assert may_edit(ACCEPTED, ACCEPTED + ahead, CUTOFF_MIN) is may


@pytest.mark.parametrize(("above_minor", "settled", "elapsed", "expected"), [
    (0, False, timedelta(), Revocation.DENY_NOT_ELIGIBLE), (1, True, timedelta(), Revocation.DENY_SETTLED),
    (1, False, REVOKE_WINDOW, Revocation.REVOKED), (1, False, REVOKE_WINDOW + TICK, Revocation.DENY_WINDOW),
    (1, False, -TICK, Revocation.DENY_WINDOW), (0, True, timedelta(), Revocation.DENY_NOT_ELIGIBLE),
])
def test_a_batch_is_judged_order_by_order(
    above_minor: int, settled: bool, elapsed: timedelta, expected: Revocation
) -> None:
    """超50万元 is above it, 24小时内 includes the last instant (A19)."""
    found = revocation(
        MOU_ABOVE_MINOR + above_minor, MOU_ABOVE_MINOR, ACCEPTED, settled=settled, at=ACCEPTED + elapsed
    )
    assert found is expected


@given(st.permutations([
    Place("c", 5, PayoutMethod.ORIGINAL, ACCEPTED + TICK), Place("d", 9, PayoutMethod.BANK_CARD, ACCEPTED),
    Place("a", 4, PayoutMethod.ORIGINAL, ACCEPTED), Place("b", 0, PayoutMethod.JD_BALANCE, ACCEPTED - TICK),
    Place("e", 0, PayoutMethod.JD_BALANCE, ACCEPTED), Place("f", 0, PayoutMethod.JD_BALANCE, ACCEPTED),
]))
def test_disputes_are_heard_in_one_order(places: list[Place]) -> None:
    """However they came: VIP 5 and above, then the payout, then the age, then the id (RD-32)."""
    assert [place.id for place in sorted(places, key=lambda place: place.key)] == ["c", "d", "a", "b", "e", "f"]


def test_a_transfer_can_be_taken_back_until_it_is_activated() -> None:
    """After that the card is the receiver's (RD-26)."""
    assert [may_withdraw(activated) for activated in (False, True)] == [True, False]
