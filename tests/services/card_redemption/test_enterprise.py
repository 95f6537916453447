"""What an enterprise redeems: under an agreement, edited until its cut-off, revoked in batches (1.9, A18, A19)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.enterprise.agreement import AgreedTerms, AgreementTerms
from services.card_redemption.domain.enterprise.batch import RevocationBatch
from services.card_redemption.domain.enterprise.commands import (
    ApproveAgreement,
    ProposeAgreement,
    ReportRevocation,
    RevokeBatch,
    RevokeRedemption,
)
from services.card_redemption.domain.enterprise.events import BatchRevoked
from services.card_redemption.domain.record.attempt import Attempt
from services.card_redemption.domain.recycling.enterprise import MOU_ABOVE_MINOR, Revocation
from services.card_redemption.domain.recycling.policy import Asker, ChannelPolicy, Demand, Kind, Settlement
from services.card_redemption.domain.recycling.windows import Verdict
from services.card_redemption.domain.redemption.cancelling import asked_alone
from services.card_redemption.domain.redemption.commands import (
    DecideCancelReview,
    DecideFraud,
    EditSchedule,
    ReportFraud,
    RequestCancel,
)
from services.card_redemption.domain.redemption.participation import LedgerPayout
from services.card_redemption.domain.redemption.states import RedemptionState as S
from services.card_redemption.domain.verification import Releasing, ReportRelease
from services.kernel.calendar import TICK, start_of
from services.kernel.notices import Notice
from tests.lifecycles import is_sound
from tests.services.card_redemption.redeeming import CARD, CODE, FACE_MINOR, MAO, NOW, SU, Redeeming

MOU = ChannelPolicy(
    "MOU", Kind.SELF, 940_000, timedelta(seconds=86_400), asked_by=Asker.ENTERPRISE, demands=(Demand.AGREEMENT,),
    settlement=Settlement.NEXT_WORKING_DAY, version=1,
)
SCHEDULED = ChannelPolicy(
    "ENTERPRISE", Kind.SELF, 940_000, settlement=Settlement.SCHEDULED, demands=(Demand.AGREEMENT,), version=1
)
REVIEWED = replace(MAO, channel="REVIEWED", demands=(Demand.AGREEMENT,))
RECYCLED = replace(SU, channel="RECYCLED", demands=(Demand.AGREEMENT,), asked_by=Asker.ENTERPRISE)
TERMS = AgreementTerms(
    signed_on=date(2026, 3, 6), document="agreement-7", qualification="licence-9",
    annual_purchase_minor=MOU_ABOVE_MINOR + 1,
)
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
FIRST, SECOND_CARD = "n1", "n2"


def world(terms: AgreementTerms = TERMS) -> Redeeming:
    """An enterprise with an agreement that two people put in force, and two cards."""
    made = Redeeming()
    made.given(*(InForce(each) for each in (MOU, SCHEDULED, REVIEWED, RECYCLED)))
    made.given(replace(CARD, id="crd_2"), replace(CODE, blind_index="index-3", card_id="crd_2"))
    assert made.when("agr_1", ProposeAgreement("agr_1", "cus_1", terms, "ann")).reason == ""
    assert made.when("agr_1", ApproveAgreement("agr_1", 1, "bob")).reason == ""
    return made


def submit(made: Redeeming, terms: ChannelPolicy = MOU, nonce: str = FIRST, **fields: object) -> str:
    """Submit a card under the agreement; the reason why not, if it is refused."""
    if nonce == SECOND_CARD:
        fields |= {"card_id": "crd_2", "blind_index": "index-3"}
    return made.submit(made.draft(terms, nonce, **{"agreement_id": "agr_1"} | fields)).reason


def revoke(made: Redeeming, *redemptions: tuple[str, str], batch: str = "b1") -> RevocationBatch:
    """Revoke a batch, and let the cards answer."""
    step = made.when("agr_1", RevokeBatch("agr_1", "cus_1", redemptions), batch)
    assert step.reason == ""
    made.settle_down()
    return made.row(RevocationBatch, step.result.id)


def named(made: Redeeming, nonce: str = FIRST) -> tuple[str, str]:
    """A redemption, with its card."""
    order = made.order(nonce)
    return order.id, order.card_id


@pytest.mark.parametrize(("terms", "customer", "reason"), [
    (TERMS, "cus_1", ""), (TERMS, "cus_2", "AGREEMENT_NOT_FOUND"),
    (replace(TERMS, signed_on=None, document=""), "cus_1", "AGREEMENT_UNSIGNED"),
    (replace(TERMS, qualification=""), "cus_1", "QUALIFICATION_MISSING"),
])
def test_nothing_is_redeemed_without_a_signature_and_a_qualification(
    terms: AgreementTerms, customer: str, reason: str
) -> None:
    """Nor under another enterprise's (需要提前签订协议并验证企业资质)."""
    made = Redeeming().given(InForce(MOU), AgreedTerms("agr_1", customer, 1, terms))

    assert submit(made) == reason


@pytest.mark.parametrize(("later", "reason"), [(-SECOND, ""), (timedelta(), "DAY"), (SECOND, "DAY")])
@pytest.mark.parametrize(("terms", "name"), [
    (replace(TERMS, until=date(2026, 3, 31)), "AGREEMENT_UNSIGNED"),
    (replace(TERMS, qualified_until=date(2026, 3, 31)), "QUALIFICATION_MISSING"),
])
def test_the_last_day_counts_to_its_midnight_in_shanghai(
    terms: AgreementTerms, name: str, later: timedelta, reason: str
) -> None:
    """CV-8, CV-9."""
    made = world(terms)
    made.now = start_of(date(2026, 4, 1)) + later

    assert submit(made) == (name if reason else "")


def test_a_signature_of_tomorrow_is_none() -> None:
    """Today's is one; and a paper has its day."""
    made = Redeeming()
    for terms, reason in (
        (replace(TERMS, signed_on=date(2026, 3, 7)), "AGREEMENT_UNSIGNED"), (TERMS, ""),
        (replace(TERMS, document=""), "INVALID_ARGUMENT"),
        (replace(TERMS, edit_cutoff=HOUR - SECOND), "VALUE_OUT_OF_BOUNDS"),
        (replace(TERMS, annual_purchase_minor=-1), "VALUE_OUT_OF_BOUNDS"), (replace(TERMS, edit_cutoff=HOUR), ""),
        (replace(TERMS, until=date(2026, 3, 5)), "INVALID_ARGUMENT"),
    ):
        assert made.when("agr_1", ProposeAgreement("agr_1", "cus_1", terms, "ann")).reason == reason


def test_terms_are_in_force_when_a_second_person_says_so() -> None:
    """Nobody approves his own, or what he did not see; nobody takes another's id."""
    made = Redeeming().given(InForce(MOU))
    made.when("agr_1", ProposeAgreement("agr_1", "cus_1", TERMS, "ann"))

    assert submit(made) == "AGREEMENT_NOT_FOUND"
    assert made.when("agr_1", ApproveAgreement("agr_1", 1, "ANN")).reason == "FOUR_EYES"
    assert made.when("agr_1", ApproveAgreement("agr_1", 2, "bob")).reason == "PROPOSAL_STALE"
    assert made.when("agr_1", ApproveAgreement("agr_1", 1, "bob")).reason == ""
    assert made.when("agr_1", ProposeAgreement("agr_1", "cus_2", TERMS, "ann")).reason == "AGREEMENT_NOT_FOUND"
    assert made.when("agr_2", ApproveAgreement("agr_2", 1, "bob")).reason == "AGREEMENT_NOT_FOUND"
    assert submit(made) == ""


@pytest.mark.parametrize(("off", "reason"), [(-SECOND, "LEAD_TOO_SHORT"), (timedelta(), ""), (SECOND, "")])
def test_a_schedule_lies_a_cut_off_ahead(off: timedelta, reason: str) -> None:
    """The agreement's cut-off, when it is submitted (A18)."""
    made = world(replace(TERMS, edit_cutoff=2 * HOUR))

    assert submit(made, SCHEDULED, scheduled_at=made.now + 2 * HOUR + off) == reason


@pytest.mark.parametrize(("off", "reason"), [(-SECOND, ""), (timedelta(), ""), (SECOND, "SCHEDULE_LOCKED")])
def test_a_schedule_is_edited_until_the_cut_off_of_its_agreement(off: timedelta, reason: str) -> None:
    """As it is in force now (A18)."""
    made = world(replace(TERMS, edit_cutoff=2 * HOUR))
    submit(made, SCHEDULED, scheduled_at=made.now + DAY)
    made.now += DAY - 2 * HOUR + off

    edited = made.do(EditSchedule(made.order().id, "cus_1", made.now + DAY, 7_000, None, ""))

    assert edited.reason == reason
    assert made.order().face_minor == (8_000 if reason else 7_000)


@pytest.mark.parametrize(("elapsed", "result"), [
    (DAY - SECOND, Revocation.REVOKED), (DAY, Revocation.REVOKED), (DAY + TICK, Revocation.DENY_WINDOW),
])
def test_a_batch_revokes_within_24_hours_of_each_acceptance(elapsed: timedelta, result: Revocation) -> None:
    """The instant of the request counts, however late a card answers (A19, OP-15)."""
    made = world()
    submit(made)
    made.now += elapsed
    step = made.when("agr_1", RevokeBatch("agr_1", "cus_1", (named(made),)))
    made.now += HOUR
    made.settle_down()

    batch = made.row(RevocationBatch, step.result.id)
    assert [(item.result, item.face_minor) for item in batch.items] == [
        (result, 8_000 if result is Revocation.REVOKED else 0)
    ]
    assert (made.order().state is S.REVOKED) is (result is Revocation.REVOKED)
    is_sound(made)


def test_every_redemption_of_a_batch_has_a_result_of_its_own() -> None:
    """One that is settled, one that nobody has, one that is revoked; one event tells all of it, one record asks."""
    made = world()
    submit(made)
    submit(made, nonce=SECOND_CARD)
    made.verify(nonce=SECOND_CARD)
    made.turn(4 * DAY)
    made.settle_down()
    made.now = NOW + HOUR
    assert made.order(SECOND_CARD).state is S.COMPLETED
    open_one = made.order(FIRST).state

    batch = revoke(made, named(made), named(made, SECOND_CARD), ("rdm_none", ""))

    assert open_one is S.VERIFYING
    results = [Revocation.REVOKED, Revocation.DENY_SETTLED, Revocation.DENY_NOT_FOUND]
    assert [item.result for item in batch.items] == results
    assert batch.released_minor == 8_000
    assert made.events[-1].body == BatchRevoked(batch.id, batch.items, 8_000)
    records = [each for each in made.records if isinstance(each, Attempt) and "REVOKE" in each.kind]
    assert [(each.kind, each.actor, each.order_id) for each in records] == [("REVOKE_BATCH", "cus_1", "agr_1")]
    again = revoke(made, named(made), batch="b2")
    assert [item.result for item in again.items] == [Revocation.DENY_SETTLED]


@pytest.mark.parametrize(("terms", "allowed"), [
    (TERMS, True), (replace(TERMS, annual_purchase_minor=MOU_ABOVE_MINOR), False),
    (replace(TERMS, until=date(2026, 3, 6)), True),
])
def test_who_buys_no_more_than_half_a_million_submits_but_revokes_no_batch(
    terms: AgreementTerms, allowed: bool
) -> None:
    """As much is not more (超50万元); nobody's card is asked then."""
    made = world(terms)
    submit(made)

    batch = revoke(made, named(made))

    assert batch.items[0].result is (Revocation.REVOKED if allowed else Revocation.DENY_NOT_ELIGIBLE)
    assert made.order().state is (S.REVOKED if allowed else S.ACCEPTED)


@pytest.mark.parametrize(("told", "result", "state", "free_minor"), [
    (Releasing.RELEASED, Revocation.REVOKED, S.REVOKED, FACE_MINOR),
    (Releasing.NOT_RELEASED, Revocation.DENY_NOT_REVOCABLE, S.VERIFYING, 0),
])
def test_a_batch_hears_of_a_code_that_was_read_once_its_provider_has_answered(
    told: Releasing, result: Revocation, state: S, free_minor: int
) -> None:
    """OP-7; another batch hears at once that its provider is being asked for somebody else."""
    made = world()
    submit(made, RECYCLED)
    made.turn(timedelta(seconds=180))
    batch = revoke(made, named(made))
    assert (batch.items[0].result, made.order().state) == (Revocation.PENDING, S.REVOKING)
    assert revoke(made, named(made), batch="b2").items[0].result is Revocation.DENY_NOT_REVOCABLE
    order = made.order()

    made.tell(order.card_id, ReportRelease(order.card_id, order.id, order.id, told))
    made.settle_down()

    batch = made.row(RevocationBatch, batch.id)
    assert (batch.items[0].result, batch.released_minor, made.order().state) == (result, free_minor, state)
    is_sound(made)


def test_a_batch_hears_of_a_fraud_that_came_first() -> None:
    """What it waits for does not come any more (OP-8)."""
    made = world()
    submit(made, RECYCLED)
    made.turn(timedelta(seconds=180))
    batch = revoke(made, named(made))
    made.do(ReportFraud(made.order().id, "police"))
    made.turn(20 * DAY)

    made.do(DecideFraud(made.order().id, True, "case-1", "op-1"))

    assert made.order().state is S.CLOSED_FRAUD
    assert made.row(RevocationBatch, batch.id).items[0].result is Revocation.DENY_NOT_REVOCABLE


def test_no_two_answers_to_a_batch_share_an_id() -> None:
    """An answer under the id of an earlier one counts as told already: the batch would never hear it (OP-7)."""
    made = world()
    submit(made, RECYCLED)
    made.turn(timedelta(seconds=180))
    revoke(made, named(made))
    order = made.order()
    revoke(made, named(made), batch="b2")

    made.tell(order.card_id, ReportRelease(order.card_id, order.id, order.id, Releasing.RELEASED))
    made.settle_down()

    answers = [row for row in made.rows.values() if isinstance(row, Notice) and isinstance(row.body, ReportRevocation)]
    assert len({answer.id for answer in answers}) == len(answers) == 2


def test_a_batch_takes_back_our_own_card_under_a_new_code_where_a_reviewer_has_it_after_it_was_read() -> None:
    """RD-1, OP-7: what was read stays read while somebody decides about a cancellation."""
    late = replace(REVIEWED, channel="LATE", kind=Kind.SELF, window=None, until_settled=True, only_unverified=False,
                   settlement=Settlement.NEXT_WORKING_DAY)
    made = world().given(InForce(late))
    submit(made, late)
    made.verify()
    made.cancel()
    assert made.order().state is S.CANCEL_REVIEW

    assert revoke(made, named(made)).items[0].result is Revocation.REVOKED

    assert made.card_of().code_number == CARD.code_number + 1


def test_a_batch_takes_back_what_waits_for_its_instant() -> None:
    """Nothing wakes it any more; the card is free for another."""
    made = world()
    submit(made, SCHEDULED, scheduled_at=made.now + DAY)

    assert revoke(made, named(made)).items[0].result is Revocation.REVOKED
    assert made.order().state is S.REVOKED
    assert made.card_of().claimed_by == ""
    is_sound(made)


def test_a_batch_takes_back_what_waits_for_a_reviewer() -> None:
    """As long as its code was not read; the reviewer finds nothing to decide."""
    made = world()
    submit(made, REVIEWED)
    made.cancel()
    assert made.order().state is S.CANCEL_REVIEW

    assert revoke(made, named(made)).items[0].result is Revocation.REVOKED
    assert made.order().state is S.REVOKED
    assert made.do(DecideCancelReview(made.order().id, True, "op-1", "")).reason == "REDEMPTION_STATE"
    is_sound(made)


def test_a_batch_waits_for_what_is_under_way() -> None:
    """A redemption whose payout is being asked for is looked at when that is over."""
    made = world()
    made.ledger.says = LedgerPayout.SENT
    submit(made)
    made.turn(timedelta())
    order = made.order()
    made.verify()
    made.turn(4 * DAY)
    made.now = NOW + HOUR

    assert revoke(made, (order.id, order.card_id)).items[0].result is Revocation.DENY_SETTLED


def test_a_stranger_redemption_under_no_agreement_is_not_found() -> None:
    """A notice that names another agreement than the redemption's own finds nothing (no oracle)."""
    made = world()
    submit(made)
    order = made.order()

    made.tell(order.card_id, RevokeRedemption(order.id, "agr_2", "bat_1", made.now), "m1", "card_redemption/agr_2")
    made.settle_down()

    assert made.order().state is S.ACCEPTED


@pytest.mark.parametrize("annual_minor", [50_000_000, 50_000_001])
def test_an_enterprise_takes_nothing_back_alone(annual_minor: int) -> None:
    """Only in a batch, for which it has to have bought enough (A19); the page shows that too (RD-35)."""
    made = world(replace(TERMS, annual_purchase_minor=annual_minor))
    submit(made)
    order = made.order()

    step = made.do(RequestCancel(order.id, "cus_1", Asker.ENTERPRISE))

    assert (step.reason, made.order()) == ("CANCEL_NOT_SUPPORTED", order)
    assert asked_alone(order, Asker.ENTERPRISE, made.now).verdict is Verdict.DENY_NOT_SUPPORTED
    allowed = annual_minor > 50_000_000
    assert revoke(made, named(made)).items[0].result is (
        Revocation.REVOKED if allowed else Revocation.DENY_NOT_ELIGIBLE
    )
