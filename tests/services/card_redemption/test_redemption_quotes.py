"""Binding offers: what is quoted is what is accepted, or QUOTE_STALE; and every number of it computes again."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.card_redemption.channels.offering import offered, settles_at
from services.card_redemption.domain.quotes.explanation import Step, explain
from services.card_redemption.domain.quotes.offer import Asked, Offer
from services.card_redemption.domain.quotes.texts import text
from services.card_redemption.domain.quotes.token import HOLDS, must_hold, quoted, read, sign
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import Asker, ChannelPolicy
from services.card_redemption.wire.policies import shipped_policies
from services.kernel.calendar import TICK, WorkingCalendar, business_date, end_of, start_of
from services.kernel.errors import Aborted, FailedPrecondition, InvalidArgument, SettlementError
from services.kernel.money import half_up

SHIPPED: Mapping[str, ChannelPolicy] = {name: replace(terms, version=1) for name, terms in shipped_policies().items()}
QINGMING = WorkingCalendar.of([date(2026, 4, 6)])
NOW = datetime(2026, 4, 3, 2, tzinfo=UTC)
KEY = b"k" * 32
ASKED = Asked("cus_1", 99_999, PayoutMethod.JD_BALANCE)
SCHEDULE = NOW + timedelta(days=30)


def offer_of(
    channel: str, asked: Asked = ASKED, now: datetime = NOW, calendar: WorkingCalendar = QINGMING
) -> Offer:
    """What a shipped channel offers; a scheduled one for 30 days later."""
    return offered(SHIPPED[channel], asked, now, calendar, SCHEDULE if channel == "ENTERPRISE" else None)


def evaluate(step: Step) -> int:
    """The number of a step, computed again as whoever doubts it would do it (U2)."""
    match step.formula, step.inputs:
        case "given", (value,):
            return value
        case "less", (one, other):
            return one - other
        case "floor_rate", (face, rate):
            return face * rate // 1_000_000
        case "flat_and_rate", (flat, face, rate):
            return flat + half_up(face * rate, 1_000_000)
        case "working_day", (day, count):
            return QINGMING.after(date.fromordinal(day), count).toordinal()
    raise AssertionError(step)


@given(
    channel=st.sampled_from(sorted(SHIPPED)), face=st.integers(1, 10**13),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001  (bounds)
)
def test_every_step_computes_again_and_has_words(channel: str, face: int, now: datetime) -> None:
    """Of every channel: the payout, what is kept, each fee, each window and each day, in Chinese and English."""
    offer = offer_of(channel, replace(ASKED, face_minor=face), now)
    steps = explain(offer, business_date(now))

    assert [evaluate(step) for step in steps] == [step.amount for step in steps]
    by_subject = {step.subject: step.amount for step in steps}
    assert by_subject["payout"] + by_subject["kept"] == face
    assert by_subject["payout"] == offer.payout_minor
    assert by_subject["settles"] == (offer.settles_on.toordinal() if offer.settles_on else 0)
    for way in offer.ways:
        assert by_subject[f"fee:{way.asked_by}"] == way.fee_minor
        assert by_subject[f"window:{way.asked_by}"] == (way.window.total_seconds() if way.window else 0)
    for step in steps:
        assert all(words and "{" not in words for words in text(step))


def test_an_offer_in_words() -> None:
    """Each fen and each window with its rule."""
    steps = explain(offer_of("KAQUANMAO"), business_date(NOW))

    assert [(step.rule, *text(step)) for step in steps] == [
        ("CV-3", "面值 999.99 元 × 92.0000 %,不足一分舍去,到账 919.99 元",
         "92.0000 % of the face of 999.99, fractions of a fen cut off, pays 919.99"),
        ("CV-3", "面值 999.99 元减去到账 919.99 元,差额 80.00 元", "999.99 less 919.99 leaves 80.00"),
        ("CV-9", "受理后 480 秒内(含)可由您申请取消",
         "you may ask to cancel within 480 s of the acceptance, inclusive"),
        ("RD-1", "仅限卡密尚未开始核验时", "only as long as the verification of the code has not started"),
        ("A20", "取消需人工审核,86400 秒内未决视为驳回",
         "a person decides; without a decision within 86400 s it is refused"),
        ("A16", "取消手续费:每笔 0.00 元加面值 999.99 元的 10.0000 %,四舍五入到分,共 100.00 元,从钱包扣除",
         "cancelling costs 0.00 and 10.0000 % of the face of 999.99, to the nearest fen: 100.00, from the wallet"),
        ("RD-6", "核验通过即结算,最早 2026-04-03 到账",
         "it settles with its verification: paid on 2026-04-03 at the earliest"),
    ]


@pytest.mark.parametrize(("channel", "ways"), [
    ("SELF", [(Asker.SUPPORT, 5, 0)]), ("KAQUANMAO", [(Asker.CUSTOMER, 480, 10_000)]), ("DUIDUI", []),
    ("SUHUISHOU", [(Asker.CUSTOMER, 900, 500)]), ("COOLING", [(Asker.CUSTOMER, 600, 500)]), ("ESCROW", []),
    ("T_PLUS_1", [(Asker.CUSTOMER, None, 0)]), ("MOU", [(Asker.ENTERPRISE, 86_400, 0)]), ("CROSSBORDER", []),
])
def test_only_what_the_server_would_accept_is_offered(channel: str, ways: list[tuple[Asker, int | None, int]]) -> None:
    """Never "cancellable" where nobody may cancel (RD-35)."""
    found = offer_of(channel).ways

    assert [(way.asked_by, way.window and way.window.total_seconds(), way.fee_minor) for way in found] == ways


@pytest.mark.parametrize(("channel", "day"), [
    ("SELF", date(2026, 4, 3)), ("T_PLUS_1", date(2026, 4, 7)), ("ENTERPRISE", business_date(SCHEDULE)),
    ("ESCROW", None),
])
def test_the_earliest_payout_is_that_of_the_channel(channel: str, day: date | None) -> None:
    """Over Qingming T+1 is four days; a condition has no day yet."""
    assert offer_of(channel).settles_on == day


def test_a_way_without_a_window_ends_with_the_settlement() -> None:
    """T+1: at the midnight of the working day on which it settles."""
    (way,), at = offer_of("T_PLUS_1").ways, settles_at(SHIPPED["T_PLUS_1"], NOW, QINGMING)

    assert way.deadline(NOW, at) == at == start_of(date(2026, 4, 7))
    assert offer_of("SUHUISHOU").ways[0].deadline(NOW, NOW) == NOW + timedelta(seconds=900)


@pytest.mark.parametrize(("asked", "reason"), [
    (replace(ASKED, face_minor=0), "FACE_OUT_OF_LIMITS"), (replace(ASKED, face_minor=10**13 + 1), "FACE_OUT_OF_LIMITS"),
])
def test_what_the_channel_does_not_take_is_not_quoted(asked: Asked, reason: str) -> None:
    """Nor what it does not pay by."""
    with pytest.raises(FailedPrecondition, match=reason):
        offer_of("SELF", asked)
    terms = replace(SHIPPED["SELF"], payouts=(PayoutMethod.BANK_CARD,))
    with pytest.raises(FailedPrecondition, match="PAYOUT_METHOD"):
        offered(terms, ASKED, NOW, QINGMING)


def outcome(quote_at: datetime, accept_at: datetime, **changed: object) -> str:
    """What becomes of a quote of T_PLUS_1 that is accepted later, when this of the terms has changed."""
    quote = read(sign(quoted(offer_of("T_PLUS_1", now=quote_at), quote_at), KEY), KEY)
    assert quote is not None
    terms = replace(SHIPPED["T_PLUS_1"], **changed)  # type: ignore[arg-type]  # fields of it
    try:
        must_hold(quote, offered(terms, ASKED, accept_at, QINGMING), accept_at)
    except SettlementError as error:
        return error.reason
    return ""


@pytest.mark.parametrize(("later", "expected"), [
    (timedelta(), ""), (HOLDS - TICK, ""), (HOLDS, ""), (HOLDS + TICK, "QUOTE_STALE"),
])
def test_a_quote_holds_ten_minutes_and_its_last_instant(later: timedelta, expected: str) -> None:
    """Inclusive (CV-9)."""
    assert outcome(NOW, NOW + later) == expected


@pytest.mark.parametrize(("before", "expected"), [(2 * TICK, ""), (TICK, ""), (timedelta(), "QUOTE_STALE")])
def test_no_quote_outlives_its_day(before: timedelta, expected: str) -> None:
    """At the midnight of Shanghai T+1 is another day."""
    midnight = end_of(business_date(NOW))

    assert outcome(midnight - timedelta(seconds=1), midnight - before) == expected


@pytest.mark.parametrize("changed", [
    {"version": 2}, {"rate_ppm": 939_999}, {"until_settled": False}, {"sla_working_days": 3}, {"name_zh": "别名"},
])
def test_other_terms_make_it_stale(changed: dict[str, object]) -> None:
    """Whatever of them changed: what is accepted is what was shown, or nothing."""
    assert outcome(NOW, NOW, **changed) == "QUOTE_STALE"


def test_other_working_days_make_it_stale() -> None:
    """The day that was promised is another one."""
    quote = quoted(offer_of("T_PLUS_1"), NOW)

    with pytest.raises(Aborted, match="QUOTE_STALE"):
        must_hold(quote, offer_of("T_PLUS_1", calendar=WorkingCalendar()), NOW)
    must_hold(quoted(offer_of("SELF"), NOW), offer_of("SELF", calendar=WorkingCalendar()), NOW)


@pytest.mark.parametrize("asked", [
    replace(ASKED, customer_id="cus_2"), replace(ASKED, face_minor=99_998),
    replace(ASKED, method=PayoutMethod.BANK_CARD),
])
def test_a_quote_is_for_one_card_of_one_customer(asked: Asked) -> None:
    """For anything else it is invalid, not stale."""
    with pytest.raises(InvalidArgument, match="QUOTE_INVALID"):
        must_hold(quoted(offer_of("SELF"), NOW), offer_of("SELF", asked), NOW)


@given(place=st.integers(0, 400), flipped=st.integers(1, 255))
def test_a_token_that_was_touched_is_not_ours(place: int, flipped: int) -> None:
    """Not a bit of it may change; none at all is none."""
    token = bytearray(sign(quoted(offer_of("SELF"), NOW), KEY))
    token[place % len(token)] ^= flipped

    with pytest.raises(InvalidArgument, match="QUOTE_INVALID"):
        read(bytes(token), KEY)
    assert read(b"", KEY) is None


@pytest.mark.parametrize("token", [b"x", b"x" * 31, b"x" * 32, b"x" * 500])
def test_what_never_was_a_token_is_invalid(token: bytes) -> None:
    """However short."""
    with pytest.raises(InvalidArgument, match="QUOTE_INVALID"):
        read(token, KEY)
