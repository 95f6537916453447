"""A quote that is accepted: prepared and confirmed it comes to exactly what was quoted, or QUOTE_STALE (U1)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.card_redemption.channels.offering import offered
from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.quotes.offer import Asked
from services.card_redemption.domain.quotes.token import HOLDS, QuoteContent, quoted
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import ChannelPolicy, Settlement
from services.card_redemption.domain.redemption.commands import ConfirmRedemption, PrepareRedemption
from services.card_redemption.domain.redemption.drafts import DWELL_MIN, Draft, read
from services.card_redemption.domain.working_days.year import Exceptions, WorkingYear
from services.kernel.calendar import TICK, WorkingCalendar, business_date, end_of
from tests.in_memory import Step
from tests.services.card_redemption.redeeming import FACE_MINOR, SELF, Redeeming

KEY = b"k" * 32
FRIDAY = datetime(2026, 3, 6, 2, tzinfo=UTC)
NEXT_DAY = replace(
    SELF, channel="NEXT_DAY", window=None, until_settled=True, only_unverified=False,
    settlement=Settlement.NEXT_WORKING_DAY, by_hand=False,
)


def world() -> Redeeming:
    """A Friday in Shanghai, with a channel that pays on the next working day."""
    service = Redeeming(now=FRIDAY)
    service.given(InForce(NEXT_DAY))
    return service


def quote(service: Redeeming, terms: ChannelPolicy = NEXT_DAY) -> QuoteContent:
    """The offer for the card, as it is now."""
    asked = Asked("cus_1", FACE_MINOR, PayoutMethod.BANK_CARD)
    return quoted(offered(terms, asked, service.now, WorkingCalendar()), service.now)


def prepare(service: Redeeming, accepted: QuoteContent | None, nonce: str = "n1", **fields: object) -> Step:
    """The first step of a submission that accepts it."""
    draft = service.draft(NEXT_DAY, nonce, **fields)
    return service.when("cus_1", PrepareRedemption(draft, draft.method, 0, KEY, accepted))


def confirmed(service: Redeeming, draft: Draft) -> str:
    """Why it is refused to confirm a draft; empty if it is not."""
    return service.when(draft.card_id, ConfirmRedemption(draft)).reason


def accepted_draft(service: Redeeming) -> Draft:
    """A draft that accepts the offer of now, out of its token."""
    return read(prepare(service, quote(service)).result.token, KEY)


def test_what_was_quoted_is_what_is_confirmed() -> None:
    """The draft keeps the offer, and holds no longer than it."""
    service = world()
    draft = accepted_draft(service)

    service.now += DWELL_MIN

    assert draft.quoted_until == draft.confirm_until == FRIDAY + HOLDS
    assert confirmed(service, draft) == ""


@pytest.mark.parametrize(("later", "reason"), [
    (HOLDS - TICK, ""), (HOLDS, ""), (HOLDS + TICK, "QUOTE_STALE"),
])
def test_it_is_confirmed_while_the_quote_holds(later: timedelta, reason: str) -> None:
    """Its last instant counts (CV-9)."""
    service = world()
    draft = accepted_draft(service)

    service.now += later

    assert confirmed(service, draft) == reason


@pytest.mark.parametrize(("before", "reason"), [(TICK, ""), (timedelta(), "QUOTE_STALE")])
def test_it_is_not_confirmed_on_another_day(before: timedelta, reason: str) -> None:
    """At the midnight of Shanghai the next working day is another one."""
    service = world()
    service.now = end_of(business_date(FRIDAY)) - timedelta(seconds=30)
    draft = accepted_draft(service)

    service.now = end_of(business_date(FRIDAY)) - before

    assert confirmed(service, draft) == reason


@pytest.mark.parametrize("changed", [replace(NEXT_DAY, version=2), replace(NEXT_DAY, rate_ppm=939_999, version=2)])
def test_other_terms_are_not_what_was_quoted(changed: ChannelPolicy) -> None:
    """Neither when it is prepared nor when it is confirmed."""
    service = world()
    before, draft = quote(service), accepted_draft(service)

    service.now += DWELL_MIN
    service.given(InForce(changed))

    prepare(service, before, nonce="n2").then_refused("QUOTE_STALE")
    assert confirmed(service, draft) == "QUOTE_STALE"


def test_another_calendar_is_not_what_was_quoted() -> None:
    """The Monday that was promised became a holiday: it is Tuesday now."""
    service = world()
    draft = accepted_draft(service)

    service.now += DWELL_MIN
    service.given(WorkingYear(2026, 1, Exceptions((date(2026, 3, 9),))))

    assert confirmed(service, draft) == "QUOTE_STALE"


@pytest.mark.parametrize(("other", "fields"), [
    ("face", {"declared_minor": FACE_MINOR - 1}), ("customer", {"customer_id": "cus_2"}),
    ("payout method", {"method": PayoutMethod.JD_BALANCE}),
])
def test_a_quote_is_for_that_card_and_that_customer(other: str, fields: dict[str, Any]) -> None:
    """And for that way to be paid; the refusal says what is another."""
    service = world()

    refused = prepare(service, quote(service), **fields).then_refused("QUOTE_INVALID")

    assert f"the quote is for another {other}" in str(refused.outcome)


def test_without_a_quote_nothing_holds_but_the_draft() -> None:
    """As long as a draft can be confirmed, under the terms that were shown."""
    service = world()
    draft = read(prepare(service, None).result.token, KEY)

    service.now = draft.confirm_until

    assert draft.quoted_until is None
    assert confirmed(service, draft) == ""
