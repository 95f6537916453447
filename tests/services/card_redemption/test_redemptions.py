"""Redemptions step by step: what is asked, what comes of it, and in which state it ends (DOMAIN 2.8)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.commands import FreezeCard, UnfreezeCard
from services.card_redemption.domain.recycling.caps import FIRST_CAP_MINOR
from services.card_redemption.domain.recycling.policy import Asker, ChannelPolicy, Settlement
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.participation import LedgerPayout, PayoutNews, PayoutSettled
from services.card_redemption.domain.redemption.redeemer import Redeemer
from services.card_redemption.domain.redemption.states import PayoutState
from services.card_redemption.domain.redemption.states import RedemptionState as S
from services.card_redemption.domain.redemption.timers import THAWED_AGAIN
from services.card_redemption.domain.verification import Finding
from services.kernel.calendar import TICK
from services.kernel.saga import Reply, Verdict
from tests.lifecycles import is_sound
from tests.services.card_redemption.redeeming import CARD, COOLING, ESCROW, LATER, MAO, SELF, SU, T1, T1_PAID, Redeeming

T1_REVIEWED = replace(T1, channel="T1_REVIEWED", reviewed=True)
REVIEWED = replace(MAO, channel="REVIEWED", fee=SELF.fee)
ESCROW_PAID = replace(T1_PAID, channel="ESCROW_PAID", settlement=Settlement.ON_CONDITION)
RECORDING = ("SCREEN_RECORDING:1",)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def world(terms: ChannelPolicy = SELF, verified: bool = False, **fields: object) -> Redeeming:
    """A redemption in this channel, accepted, or verified with what follows at once."""
    made = Redeeming()
    made.given(*(InForce(each) for each in (T1_REVIEWED, REVIEWED)))
    if terms is ESCROW:
        fields["deadline"] = made.now + DAY
    if terms is LATER:
        fields["scheduled_at"] = made.now + 2 * HOUR
    made.submitted(terms, "n1", **fields)
    if verified:
        made.verify(made.order().declared_minor)
    return made


def ends(made: Redeeming, state: S) -> None:
    """It stands there, and nothing of the service contradicts its tables."""
    assert made.order().state is state
    is_sound(made)


def frozen(made: Redeeming, state: S, confirmed: bool = False) -> None:
    """Frozen where it stands, then decided: it goes on there, or is closed (RD-22, OP-8)."""
    order = made.order().id
    assert made.do(ask.ReportFraud(order, "police")).reason == ""
    ends(made, S.FROZEN)
    made.now += timedelta(days=15)
    assert made.do(ask.DecideFraud(order, confirmed, "case-1", "op-1")).reason == ""
    assert made.order().state is state


def test_cancelled_for_nothing_for_a_fee_and_by_a_review() -> None:
    """P36, A16, A20: support within 5 s; a flat fee; a reviewer's yes."""
    at_once, paid, reviewed, free = world(), world(SU), world(MAO), world(REVIEWED)

    for each in (at_once, paid, reviewed, free):
        each.cancel()
    for each in (reviewed, free):
        ends(each, S.CANCEL_REVIEW)
        each.do(ask.DecideCancelReview(each.order().id, True, "op-1", ""))

    for each in (at_once, paid, reviewed, free):
        ends(each, S.CANCELLED)
    assert paid.ledger.book["I.CANCELFEE", ""] == -500


def test_a_review_that_says_no_or_nothing_lets_it_go_on() -> None:
    """A20: 24 hours count to the last microsecond."""
    asked, silent = world(MAO), world(MAO)
    asked.cancel()
    silent.cancel()

    asked.do(ask.DecideCancelReview(asked.order().id, False, "op-1", "no"))
    silent.now += DAY
    silent.fire()
    ends(silent, S.CANCEL_REVIEW)
    silent.now += TICK
    silent.fire()

    assert asked.order().state is S.ACCEPTED
    ends(silent, S.VERIFYING)


def test_a_refused_fee_or_cap_leaves_it_as_it_was() -> None:
    """A17: what is denied does not count."""
    capped = Redeeming().given(Redeemer("cus_1", completed=1))
    capped.submitted(COOLING, "n1", declared_minor=50_001)
    verified = world(T1_PAID, verified=True)
    verified.ledger.refuses = "ACCOUNT_NOT_ACTIVE"

    capped.cancel()
    verified.cancel()

    ends(capped, S.ACCEPTED)
    assert capped.order().reason == "CANCEL_DAILY_CAP"
    ends(verified, S.VERIFIED)


@pytest.mark.parametrize(("terms", "face", "state"), [
    (T1_PAID, 8_000, S.SETTLED), (T1_PAID, 1, S.COMPLETED), (ESCROW_PAID, 8_000, S.ESCROWED),
])
def test_a_fee_that_is_refused_after_it_fell_due_lets_it_settle_at_once(
    terms: ChannelPolicy, face: int, state: S
) -> None:
    """The day came, or its card was thawed, while the credit ledger was asked."""
    made = Redeeming().given(InForce(ESCROW_PAID))
    made.submitted(terms, declared_minor=face, deadline=made.now + 9 * DAY if terms is ESCROW_PAID else None)
    made.verify(face, frozen_for="case_1")
    order = made.order()
    assert made.when(CARD.id, ask.RequestCancel(order.id, "cus_1", Asker.CUSTOMER)).reason == ""
    made.when(CARD.id, UnfreezeCard(CARD.id, "case_1", "op_1"))
    made.turn(5 * DAY)

    saga = made.sent[0].saga
    assert saga is not None
    made.reply(CARD.id, Reply(saga.saga_id, saga.branch, saga.op, Verdict.REFUSED, "ACCOUNT_NOT_ACTIVE"))

    assert made.order().state is state


def test_until_it_settles_a_verified_one_comes_back_under_a_new_code() -> None:
    """OP-7, T+1."""
    made, reviewed = world(T1, verified=True), world(T1_REVIEWED, verified=True)

    made.cancel()
    reviewed.cancel()

    ends(made, S.CANCELLED)
    assert made.card_of().code_number == 2
    ends(reviewed, S.CANCEL_REVIEW)
    reviewed.do(ask.DecideCancelReview(reviewed.order().id, False, "op-1", "no"))
    ends(reviewed, S.VERIFIED)


@pytest.mark.parametrize(("finding", "state"), [
    (Finding.INVALID, S.FAILED), (Finding.CONSUMED, S.FAILED_CONSUMED), (Finding.FOUND, S.COMPLETED),
])
def test_what_the_provider_finds(finding: Finding, state: S) -> None:
    """RD-25: a spent card pays nobody."""
    made = world(SU)
    made.verify(finding=finding)
    ends(made, state)


@pytest.mark.parametrize(("completed", "large"), [(0, S.FAILED_RETRYABLE), (1, S.ACCEPTED)])
@pytest.mark.parametrize("off_minor", [-1, 0, 1])
@pytest.mark.parametrize(("terms", "held_minor", "declared_minor"), [
    (SU, 0, FIRST_CAP_MINOR), (SELF, FIRST_CAP_MINOR, FIRST_CAP_MINOR), (SELF, FIRST_CAP_MINOR, 1),
    (SELF, 1, FIRST_CAP_MINOR),
])
def test_the_first_redemption_is_small_by_what_is_said_and_by_what_is_known(
    terms: ChannelPolicy, held_minor: int, declared_minor: int, off_minor: int, completed: int, large: S
) -> None:
    """RD-23, CV-9: 100.00 are small. Of a card of ours its value is known, whatever is said of it; of another issuer's
    nobody knows more than is said until the code is read, and then its actual face is paid (RD-21)."""
    held, declared = (
        minor + off_minor if minor == FIRST_CAP_MINOR else minor for minor in (held_minor, declared_minor)
    )
    made = Redeeming().given(
        Redeemer("cus_1", completed=completed), replace(CARD, face_minor=held, balance_minor=held)
    )

    made.submit(made.draft(terms, declared_minor=declared))

    assert made.order().state is (large if off_minor > 0 else S.ACCEPTED)
    assert made.order().reason == ("FIRST_REDEMPTION_CAP" if off_minor > 0 and not completed else "")


def test_a_worthless_face_is_complete_when_it_settles() -> None:
    """A payout below a fen (CV-3)."""
    nothing = world(declared_minor=1)

    nothing.verify(1)

    ends(nothing, S.COMPLETED)


def test_t_plus_1_and_schedules_settle_in_their_time() -> None:
    """A21, A18: 2026-03-06 is a Friday."""
    made, nothing, later = world(T1, verified=True), world(T1, verified=True, declared_minor=1), world(LATER)
    for each in (made, nothing):
        ends(each, S.VERIFIED)
        each.turn(3 * DAY)
        each.settle_down()
        ends(each, S.COMPLETED)

    ends(later, S.SCHEDULED)
    later.turn(2 * HOUR)
    later.report(later.order().declared_minor, Finding.FOUND)
    ends(later, S.COMPLETED)


def test_escrow_is_released_in_time_or_revoked() -> None:
    """OP-16: the deadline counts, a microsecond later does not."""
    met, unmet, spread = (world(ESCROW, verified=True) for _ in range(3))
    nothing = world(ESCROW, verified=True, declared_minor=1)
    spread.ledger.refuses = "ACCOUNT_NOT_ACTIVE"
    for each in (met, nothing, spread):
        each.now += DAY
        each.do(ask.MeetEscrowCondition(each.order().id, "op-1"))
    unmet.turn(DAY + TICK)

    ends(met, S.COMPLETED)
    ends(nothing, S.COMPLETED)
    ends(unmet, S.REVOKED)
    ends(spread, S.PAYOUT_RETRY)


def test_a_payout_is_refused_retried_sent_and_paid() -> None:
    """PM-3, P28."""
    made, again = world(), world()
    made.ledger.refuses = "ACCOUNT_NOT_ACTIVE"
    again.ledger.says = LedgerPayout.SENT
    made.verify()
    again.verify()
    ends(made, S.PAYOUT_RETRY)
    made.ledger.refuses, made.ledger.says = "", LedgerPayout.SENT
    made.turn(DAY)
    made.settle_down()
    ends(made, S.SETTLED)

    for each in (made, again):
        order = each.order()
        each.tell(order.card_id, PayoutNews(order.id, order.payouts[0].id, True, "no"))
        each.settle_down()
        assert each.order().state is S.PAYOUT_RETRY
        each.ledger.paid(order.payouts[0].id)
        each.tell(order.card_id, PayoutSettled(order.id, order.payouts[0].id, rerouted=True))
        each.settle_down()
        ends(each, S.COMPLETED)


def test_intercepted_before_it_settles() -> None:
    """RD-30."""
    intercepted = world(SU)
    intercepted.do(ask.InterceptRedemption(intercepted.order().id, "op-1", RECORDING))
    ends(intercepted, S.REVOKED)


def test_a_platform_fault_is_undone_wherever_it_stands() -> None:
    """RD-33."""
    paid, sent, waiting = world(verified=True), world(), world()
    sent.ledger.says, waiting.ledger.refuses = LedgerPayout.SENT, "ACCOUNT_NOT_ACTIVE"
    sent.verify()
    waiting.verify()

    for each in (paid, sent, waiting):
        each.do(ask.AcceptPlatformFault(each.order().id, "boss"))

        ends(each, S.FAULT_REVERSED)
        assert each.card_of().balance_minor == 100_000


def test_a_fraud_stops_everything_everywhere() -> None:
    """RD-22, A22, OP-8."""
    frozen(world(SU), S.ACCEPTED)
    frozen(world(T1, verified=True), S.VERIFIED)
    scheduled = world(LATER)
    frozen(scheduled, S.SCHEDULED)
    reviewed = world(MAO)
    reviewed.cancel()
    frozen(reviewed, S.CANCEL_REVIEW)
    verifying = world()
    verifying.turn(timedelta())
    frozen(verifying, S.VERIFYING)
    frozen(world(ESCROW, verified=True), S.ESCROWED)
    for refuses, state in (("", S.SETTLED), ("ACCOUNT_NOT_ACTIVE", S.PAYOUT_RETRY)):
        settled = world()
        settled.ledger.says, settled.ledger.refuses = LedgerPayout.SENT, refuses
        settled.verify()
        frozen(settled, state)
    frozen(world(SU), S.CLOSED_FRAUD, confirmed=True)
    unpaid = world()
    unpaid.ledger.says = LedgerPayout.SENT
    unpaid.verify()
    frozen(unpaid, S.CLOSED_FRAUD, confirmed=True)
    assert unpaid.card_of().balance_minor == 100_000


def test_a_payout_that_was_sent_is_held_while_a_fraud_is_decided() -> None:
    """OP-8: while it is frozen nothing is paid; what was stopped is owed under a new id, and paid when it goes on."""
    made = world()
    made.ledger.says = LedgerPayout.SENT
    made.verify()
    order = made.order()

    made.do(ask.ReportFraud(order.id, "police"))

    ends(made, S.FROZEN)
    stopped, again = made.order().payouts
    assert (stopped.state, again.state) == (PayoutState.STOPPED, PayoutState.DUE)
    assert again.amount_minor == order.payout_minor
    assert made.ledger.payouts == {}
    assert made.both()["L.PAYOUT.TRANSIT", again.id] == -order.payout_minor
    made.ledger.says = LedgerPayout.SETTLED
    made.now += timedelta(days=15)
    made.do(ask.DecideFraud(order.id, False, "case-1", "op-1"))
    ends(made, S.COMPLETED)
    assert made.both()["A.BANK", ""] == -order.payout_minor


def test_what_was_paid_while_it_was_frozen_is_complete_when_it_goes_on() -> None:
    """OP-8: a leg that was at the bank could not be held."""
    made = world()
    made.ledger.says, made.ledger.stops = LedgerPayout.SENT, False
    made.verify()
    order = made.order()
    made.do(ask.ReportFraud(order.id, "police"))
    made.ledger.paid(order.payouts[0].id)
    made.tell(order.card_id, PayoutSettled(order.id, order.payouts[0].id, rerouted=False))
    made.settle_down()
    ends(made, S.FROZEN)

    made.now += timedelta(days=15)
    made.do(ask.DecideFraud(order.id, False, "case-1", "op-1"))

    ends(made, S.COMPLETED)


def test_an_operator_leads_an_escrow_through_its_steps() -> None:
    """Each step waits for him."""
    made = Redeeming()
    made.given(InForce(replace(ESCROW, by_hand=True)))
    made.submitted(ESCROW, "n1", deadline=made.now + DAY)
    made.verify()
    ends(made, S.VERIFIED)

    made.do(ask.AdvanceRedemption(made.order().id, "op-1"))

    ends(made, S.ESCROWED)


@pytest.mark.parametrize(("terms", "verified"), [(SELF, False), (T1, False), (T1, True), (ESCROW, False)])
def test_a_card_that_an_operator_froze_settles_nothing_until_it_is_thawed(terms: ChannelPolicy, verified: bool) -> None:
    """What fell due meanwhile is not forgotten: it happens once the card is free (OP-8)."""
    made = world(terms, verified)
    if verified:
        made.when(CARD.id, FreezeCard(CARD.id, "case_1", "op_1"))
    else:
        made.verify(made.order().declared_minor, frozen_for="case_1")
    made.turn(timedelta(hours=20) if terms is ESCROW else 20 * DAY)
    ends(made, S.VERIFIED)
    assert made.journals == []

    made.when(CARD.id, UnfreezeCard(CARD.id, "case_1", "op_1"))
    made.turn(THAWED_AGAIN)
    made.settle_down()

    ends(made, S.ESCROWED if terms is ESCROW else S.COMPLETED)
