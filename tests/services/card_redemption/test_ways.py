"""By whom a card is redeemed and how it is paid for, by how it was bought (1.9, OP-11, RD-21)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.quotes.offer import Asked, offer
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import ChannelPolicy, Demand, Kind, Limits, Settlement
from services.card_redemption.domain.redemption.commands import AdvanceRedemption, EditSchedule, PrepareRedemption
from services.card_redemption.domain.redemption.drafts import read
from services.kernel.calendar import WorkingCalendar
from services.kernel.errors import FailedPrecondition
from tests.services.card_redemption.ledger import CardLedger
from tests.services.card_redemption.redeeming import CARD, FACE_MINOR, SELF, SU, Redeeming
from tests.services.card_redemption.test_codes import issue

KEY = b"k" * 32
ABROAD = ChannelPolicy(
    "CROSSBORDER", Kind.SELF, 930_000, demands=(Demand.PURCHASER, Demand.IDENTITY, Demand.PURCHASE_PROOF),
    sla_working_days=5, version=1,
)
LATER = replace(SELF, channel="LATER", settlement=Settlement.SCHEDULED)
LED = replace(SELF, channel="LED", by_hand=True)
PAPERS = ("IDENTITY:1", "PURCHASE_PROOF:1")
BOUGHT = replace(CARD, purchaser_id="cus_1", purchase="acq_7")


def world(card: GiftCard = BOUGHT) -> Redeeming:
    """A card of which this is known."""
    made = Redeeming()
    return made.given(card, *(InForce(each) for each in (ABROAD, LATER, LED)))


@pytest.mark.parametrize(("purchaser", "evidence", "reason"), [
    ("cus_1", PAPERS, ""), ("cus_2", PAPERS, "NOT_PURCHASER"), ("", PAPERS, "NOT_PURCHASER"),
    ("cus_1", PAPERS[:1], "EVIDENCE_MISSING"), ("cus_1", PAPERS[1:], "EVIDENCE_MISSING"),
])
def test_a_card_from_abroad_is_redeemed_by_whoever_bought_it(
    purchaser: str, evidence: tuple[str, ...], reason: str
) -> None:
    """It is not enough to own it: it may have been given away; and both papers are shown."""
    made = world(replace(BOUGHT, purchaser_id=purchaser))

    assert made.submit(made.draft(ABROAD, evidence=evidence)).reason == reason


@pytest.mark.parametrize(("instrument", "purchase", "reason"), [
    ("", "acq_7", ""), ("acq_7", "acq_7", ""), ("acq_8", "acq_7", "PAYOUT_METHOD"), ("", "", "PAYOUT_METHOD"),
    ("acq_7", "", "PAYOUT_METHOD"),
])
def test_original_is_the_payment_that_bought_the_card(instrument: str, purchase: str, reason: str) -> None:
    """Unknown, it is refused when it is prepared (OP-11)."""
    made = world()
    draft = made.draft(instrument=instrument)

    step = made.when("cus_1", PrepareRedemption(draft, PayoutMethod.ORIGINAL, 0, KEY, purchase=purchase))

    assert step.reason == reason
    if not reason:
        assert read(step.result.token, KEY).instrument == "acq_7"


@pytest.mark.parametrize(("purchase", "reason"), [("acq_7", ""), ("acq_8", "PAYOUT_METHOD"), ("", "PAYOUT_METHOD")])
def test_it_is_looked_at_again_under_the_card(purchase: str, reason: str) -> None:
    """A draft is a promise of nothing; and of another issuer's card nobody knows who paid for it."""
    made = world(replace(BOUGHT, purchase=purchase))
    original: dict[str, Any] = {"method": PayoutMethod.ORIGINAL, "instrument": "acq_7"}

    assert made.submit(made.draft(**original)).reason == reason
    assert made.submit(made.draft(SU, "n2", **original)).reason == "PAYOUT_METHOD"


@pytest.mark.parametrize(("method", "instrument", "reason"), [
    (PayoutMethod.ORIGINAL, "acq_7", ""), (PayoutMethod.ORIGINAL, "acq_8", "PAYOUT_METHOD"),
    (PayoutMethod.BANK_CARD, "bank-2", ""), (PayoutMethod.JD_BALANCE, "", ""),
])
def test_a_payout_is_moved_only_where_it_may_go(method: PayoutMethod, instrument: str, reason: str) -> None:
    """By whoever edits a schedule, and by an operator who leads it."""
    edited, led = world(), world()
    edited.submitted(LATER, scheduled_at=edited.now + timedelta(hours=3))
    led.submitted(LED)
    led.verify()
    led.do(AdvanceRedemption(led.order().id, "op-1"))

    edit = EditSchedule(edited.order().id, "cus_1", None, None, method, instrument)
    assert edited.do(edit).reason == reason
    assert led.do(AdvanceRedemption(led.order().id, "op-1", method, instrument)).reason == reason


@pytest.mark.parametrize(("most", "reason"), [
    (CARD.balance_minor - 1, "FACE_OUT_OF_LIMITS"), (CARD.balance_minor, ""), (CARD.balance_minor + 1, ""),
])
def test_what_a_card_really_holds_is_within_the_limits_too(most: int, reason: str) -> None:
    """However little was declared: the actual face decides (RD-21)."""
    made = world()
    limited = replace(SELF, channel="LIMITED", limits=Limits(face_max_minor=most))
    made.given(InForce(limited))

    assert made.submit(made.draft(limited, declared_minor=FACE_MINOR)).reason == reason


REFUSED = {"channel": "LIMITED", "face_min_minor": "5000", "face_max_minor": "9000"}


@pytest.mark.parametrize("face_minor", [4_999, 9_001])
def test_a_face_that_is_refused_hears_the_limits(face_minor: int) -> None:
    """Wherever it is asked: in a quote, a submission, an edit; and of what a card of ours holds."""
    limited = replace(SELF, channel="LIMITED", limits=Limits(5_000, 9_000))
    scheduled = replace(limited, settlement=Settlement.SCHEDULED)
    submitted, held = world(replace(CARD, balance_minor=FACE_MINOR)), world()
    order = submitted.given(InForce(scheduled)).submitted(scheduled, scheduled_at=submitted.now + timedelta(days=1))
    held.given(InForce(limited), replace(CARD, balance_minor=face_minor))

    with pytest.raises(FailedPrecondition) as refused:
        offer(limited, Asked("cus_1", face_minor, PayoutMethod.JD_BALANCE), submitted.now, None, WorkingCalendar())
    said = refused.value.metadata, [
        dict(getattr(step.outcome, "metadata", ())) for step in (
            submitted.submit(submitted.draft(scheduled, "n2", declared_minor=face_minor)),
            submitted.do(EditSchedule(order.id, "cus_1", None, face_minor, None, "")),
            held.submit(held.draft(limited, declared_minor=FACE_MINOR)),
        )
    ]

    assert said == (REFUSED, [REFUSED] * 3)
    assert "LIMITED takes cards of 5000 to 9000 fen" in str(refused.value)


async def test_who_bought_a_card_is_kept_with_it(cards: CardLedger) -> None:
    """Whoever it was issued to, with the payment."""
    await issue(cards)

    row = await cards.connection.fetchrow("select purchaser_id, purchase from gift_cards")
    assert row is not None
    assert tuple(row) == ("cus_1", "")
