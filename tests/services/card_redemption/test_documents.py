"""What operators hand in as YAML: whatever is not exactly of the form is refused for a stable reason."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.card_redemption.domain.recycling.policy import ChannelPolicy
from services.card_redemption.wire.calendars import calendar_of_document, shipped_calendars
from services.card_redemption.wire.documents import BYTES_MAX
from services.card_redemption.wire.policies import policy_of_document, shipped_policies
from services.kernel.calendar import WorkingCalendar
from services.kernel.errors import SettlementError

GOOD = {"name": "试行", "kind": "THIRD_PARTY", "rate_ppm": "940000", "window_seconds": "600"}
BOMB = b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nchannels: {X1: *c}"


def document(**fields: str) -> bytes:
    """The document of one channel; a field that is empty is left out."""
    given_fields = {name: text for name, text in (GOOD | fields).items() if text}
    return ("channels:\n  TRIAL:\n" + "".join(f"    {name}: {text}\n" for name, text in given_fields.items())).encode()


def refusal(text: bytes) -> str:
    """Why a document is refused."""
    with pytest.raises(SettlementError) as refused:
        policy_of_document(text)
    return refused.value.reason


def test_a_document_says_terms() -> None:
    """What it leaves out is as terms are by themselves."""
    terms = policy_of_document(document(fee="{flat_minor: 500}", review_within_seconds="60"))

    assert terms == ChannelPolicy(
        channel="TRIAL", name_zh="试行", kind=terms.kind, rate_ppm=940_000, window=timedelta(seconds=600),
        fee=terms.fee, reviewed=True, review_within=timedelta(seconds=60),
    )
    assert (terms.fee.of(1), terms.kind.name) == (500, "THIRD_PARTY")


@pytest.mark.parametrize("text", [
    b"", b"# nothing", b"channels", b"channels: []", b"channels: {}", b"[", b"channels: {TRIAL: [1]}", b"\x00",
    b"a: b: c", b"\xff", b"\xed\xa0\x80", document() + b"more: 1\n", document() + b"---\n" + document(),
    document() + b" OTHER:\n name: x\n", document() + b" rate_ppm: 1\n", document(rate_ppm=""),
    document(kind="NOBODY"), document(kind="[SELF]"), document(rate_ppm=".nan"), document(rate_ppm=".inf"),
    document(rate_ppm="94e4"), document(rate_ppm="940_000"), document(rate_ppm="0x10"), document(rate_ppm="0940000"),
    document(rate_ppm="+1"), document(rate_ppm="1:30"), document(rate_ppm="9" * 19), document(rate_ppm="9" * 5_000),
    document(rate_ppm="!!int 1"), document(rate_ppm="~"), document(rate_ppm="\u0661"), document(window_seconds="1.5"),
    document(until_settled="yes"), document(until_settled="1"), document(fee="5"), document(fee="{flat: 5}"),
    document(payouts="JD_BALANCE"), document(payouts="[WALLET]"), document(payouts="[[JD_BALANCE]]"),
    document(rate_pmm="1"), BOMB, document(name="&x 试行"), document(name="!!str 试行"), document(name='"a\\u200bb"'),
    document(name='"e\\u0301"'), b"? [a]\n: b", b"channels: " + b"[" * 500,
    b"channels: " + b"{a: " * 7 + b"1" + b"}" * 7, b"x" * (BYTES_MAX + 1), document(name="红" * (BYTES_MAX // 3)),
])
def test_what_is_not_of_the_form_is_malformed(text: bytes) -> None:
    """Not YAML, twice a name, an unknown or missing one, another type, an alias, a tag, too deep, too long."""
    assert refusal(text) == "DOCUMENT_MALFORMED"


@pytest.mark.parametrize(("field", "least", "most"), [
    ("rate_ppm", 1, 949_999), ("commission_ppm", 0, 1_000_000), ("window_seconds", 0, 366 * 86_400),
    ("review_within_seconds", 1, 30 * 86_400), ("sla_working_days", 1, 60),
    ("fee", 0, 10**13), ("limits", 1, 10**13),
])
def test_every_bound_includes_its_number(field: str, least: int, most: int) -> None:
    """One below it and one above it are out (CV-9)."""
    shape = {"fee": "{flat_minor: %d}", "limits": "{face_max_minor: %d}"}.get(field, "%d")

    for value in (least, most):
        policy_of_document(document(**{field: shape % value}))
    for value in (least - 1, most + 1 if field != "rate_ppm" else 1_000_001):
        assert refusal(document(**{field: shape % value})) == "VALUE_OUT_OF_BOUNDS"


def test_seconds_that_no_clock_counts_are_out_of_bounds() -> None:
    """However many digits a number may have."""
    assert refusal(document(window_seconds="9" * 18)) == "VALUE_OUT_OF_BOUNDS"
    assert refusal(document(review_within_seconds="-" + "9" * 18)) == "VALUE_OUT_OF_BOUNDS"


@pytest.mark.parametrize("fields", [
    {"until_settled": "true"}, {"limits": "{face_min_minor: 2, face_max_minor: 1}"}, {"payouts": "[]"},
    {"payouts": "[JD_BALANCE, JD_BALANCE]"}, {"demands": "[IDENTITY, IDENTITY]"}, {"settlement": "ON_CONDITION"},
    {"kind": "SELF", "commission_ppm": "1"}, {"window_seconds": "", "fee": "{flat_minor: 1}"},
    {"window_seconds": "", "review_within_seconds": "60"}, {"window_seconds": "", "only_unverified": "true"},
    {"window_seconds": "", "asked_by": "SUPPORT"}, {"window_seconds": "", "limits": "{cancelled_daily_minor: 0}"},
    {"name": "红" * 41}, {"name": '""'}, {"name": '"\\u0430lex"'},
])
def test_terms_that_cannot_be_meant_together_are_refused(fields: dict[str, str]) -> None:
    """And a name that no person could read."""
    assert refusal(document(**fields)) == "POLICY_CONTRADICTORY"


@pytest.mark.parametrize("name", ["a", "trial", "T" * 33, "1T", "T-1", "T\u00c9", "T"])
def test_a_channel_is_named_in_capitals(name: str) -> None:
    """Its name stands in ids and keys."""
    assert refusal(document().replace(b"TRIAL", name.encode())) == "POLICY_CONTRADICTORY"


@pytest.mark.parametrize(("rate", "window", "reason"), [
    ("949999", {"window_seconds": "0"}, ""), ("950000", {"window_seconds": "0"}, "POLICY_UNGUARDED"),
    ("950000", {"window_seconds": "", "until_settled": "true"}, "POLICY_UNGUARDED"),
    ("1000000", {"window_seconds": ""}, ""),
])
def test_a_channel_that_pays_95_percent_is_refused_when_it_is_loaded(
    rate: str, window: dict[str, str], reason: str
) -> None:
    """Inclusive, whichever way somebody could cancel (RD-10)."""
    text = document(rate_ppm=rate, **window)

    assert (refusal(text) if reason else policy_of_document(text).guarded) == (reason or True)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_text_does_anything_but_be_refused(text: bytes) -> None:
    """Nobody is answered with a fault, whatever he writes."""
    assert refusal(text) in ("DOCUMENT_MALFORMED", "VALUE_OUT_OF_BOUNDS", "POLICY_CONTRADICTORY")


def test_the_release_comes_with_the_channels_of_the_specification() -> None:
    """Windows, fees and who may ask, as DOMAIN 1.9 has them."""
    shipped = shipped_policies()

    windows = {name: terms.window.total_seconds() if terms.window else None for name, terms in shipped.items()}
    assert windows == {
        "SELF": 5, "KAQUANMAO": 480, "DUIDUI": None, "SUHUISHOU": 900, "COOLING": 600, "T_PLUS_1": None,
        "ENTERPRISE": None, "MOU": 86_400, "CROSSBORDER": None, "ESCROW": None,
    }
    assert {name: terms.fee.of(100_000) for name, terms in shipped.items() if terms.fee.of(100_000)} == {
        "KAQUANMAO": 10_000, "SUHUISHOU": 500, "COOLING": 500,
    }
    assert [name for name, terms in shipped.items() if terms.reviewed] == ["KAQUANMAO"]
    assert [name for name, terms in shipped.items() if terms.until_settled] == ["T_PLUS_1"]
    assert shipped["COOLING"].limits.cancelled_daily_minor == 50_000
    assert shipped["CROSSBORDER"].sla_working_days == 5


def year(holidays: str = "[]", worked: str = "[]", of: str = "2026") -> bytes:
    """The document of a calendar."""
    return f"year: {of}\nholidays: {holidays}\nworked: {worked}\n".encode()


def test_a_stretch_of_days_is_all_of_them() -> None:
    """From the first to the last, both included."""
    assert calendar_of_document(year("[2026-01-01/2026-01-03]", "[2026-01-04]")) == (
        2026, calendar_of_document(year("[2026-01-01, 2026-01-02, 2026-01-03]", "[2026-01-04]"))[1],
    )


@pytest.mark.parametrize(("text", "reason"), [
    (b"year: 2026\n", ""), (year("[20260101]"), "DOCUMENT_MALFORMED"), (year("[2026-02-29]"), "DOCUMENT_MALFORMED"),
    (year("[2026-W01-1]"), "DOCUMENT_MALFORMED"), (year("[2026-01-03/2026-01-01]"), "DOCUMENT_MALFORMED"),
    (year("[2026-01-01/2026-12-31]"), "DOCUMENT_MALFORMED"), (year("2026-01-01"), "DOCUMENT_MALFORMED"),
    (year(of="next"), "DOCUMENT_MALFORMED"), (year() + b"free: []\n", "DOCUMENT_MALFORMED"),
    (year(of="1969"), "VALUE_OUT_OF_BOUNDS"), (year(of="2200"), "VALUE_OUT_OF_BOUNDS"),
    (year(of="9" * 18), "VALUE_OUT_OF_BOUNDS"), (year("[2027-01-01]"), "CALENDAR_CONTRADICTORY"),
    (year("[2026-01-01, 2026-01-01]"), "CALENDAR_CONTRADICTORY"),
    (year("[2026-01-02, 2026-01-01]"), "CALENDAR_CONTRADICTORY"),
    (year(worked="[2026-01-05]"), "CALENDAR_CONTRADICTORY"),
    (year("[2026-01-04]", "[2026-01-04]"), "CALENDAR_CONTRADICTORY"),
    (year("[2026-02-02/2026-02-13]", "[2026-01-31, 2026-02-15]"), ""),
    (year("[2026-02-02/2026-02-13]", "[2026-01-31]"), "CALENDAR_CONTRADICTORY"),
])
def test_a_bad_calendar_is_refused(text: bytes, reason: str) -> None:
    """No such day, another year, twice, out of order, both free and worked on, or free for half a month."""
    if not reason:
        calendar_of_document(text)
        return
    with pytest.raises(SettlementError) as refused:
        calendar_of_document(text)
    assert refused.value.reason == reason


def test_the_release_comes_with_the_working_days_of_2026() -> None:
    """As the State Council announced them (国办发明电〔2025〕7号)."""
    (of, exceptions), = shipped_calendars().values()
    calendar = WorkingCalendar.of(exceptions.holidays, exceptions.worked)

    assert of == 2026
    assert exceptions.holidays == tuple(
        date(2026, month, day) for month, first, last in (
            (1, 1, 3), (2, 15, 23), (4, 4, 6), (5, 1, 5), (6, 19, 21), (9, 25, 27), (10, 1, 7),
        ) for day in range(first, last + 1)
    )
    assert exceptions.worked == tuple(
        date(2026, month, day) for month, day in ((1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10))
    )
    assert calendar.after(date(2026, 2, 13)) == date(2026, 2, 14)
    assert calendar.after(date(2026, 2, 14)) == date(2026, 2, 24)
    assert sum(calendar.is_working(date(2026, 1, 1) + timedelta(days=day)) for day in range(365)) == 248
