"""What an operator's freeze put off is looked at when he lifts it (OP-8, D94)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.commands import FreezeCard, UnfreezeCard
from services.card_redemption.domain.recycling.policy import ChannelPolicy, Kind
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.states import RedemptionState as S
from services.card_redemption.domain.redemption.timers import ESCROW_ENDS, ESCROW_MET, SETTLE, VERIFY
from services.card_redemption.domain.states import CardStanding
from services.card_redemption.domain.verification import AskProvider, Finding
from tests.lifecycles import is_sound
from tests.services.card_redemption.disputing import verified
from tests.services.card_redemption.redeeming import CARD, ESCROW, FACE_MINOR, SELF, SU, T1, Redeeming
from tests.services.card_redemption.retelling import Retelling

DAY, HOUR, TICK = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)

FOREIGN_ESCROW = replace(SU, channel="ESCROW_ELSEWHERE", settlement=ESCROW.settlement)


@pytest.mark.parametrize(("after", "state"), [(timedelta(), S.VERIFIED), (20 * DAY, S.COMPLETED)])
def test_what_is_thawed_settles_at_once_if_it_is_due(after: timedelta, state: S) -> None:
    """Also where an older release let its timer go, whose decision the freeze had refused (D94)."""
    made = verified()
    made.when(CARD.id, FreezeCard(CARD.id, "case_1", "op_1"))
    made.turn(after)
    del made.timers[SETTLE, made.order().id]

    made.when(CARD.id, UnfreezeCard(CARD.id, "case_1", "op_1"))
    made.fire()
    made.settle_down()

    assert made.order().state is state
    is_sound(made)
    assert ((SETTLE, made.order().id) in made.timers) is (state is S.VERIFIED)


def test_what_an_operator_leads_is_not_settled_by_a_thaw() -> None:
    """He settles it."""
    made = Redeeming().given(InForce(replace(T1, by_hand=True)))
    made.submitted(T1)
    made.verify()
    made.when(CARD.id, FreezeCard(CARD.id, "case_1", "op_1"))

    made.when(CARD.id, UnfreezeCard(CARD.id, "case_1", "op_1"))

    assert made.order().state is S.VERIFIED
    assert (SETTLE, made.order().id) not in made.timers


@pytest.mark.parametrize(("terms", "state"), [(SELF, S.SETTLED), (SU, S.SETTLED), (ESCROW, S.ESCROWED)])
def test_no_code_is_read_while_an_operator_has_its_card_frozen(terms: ChannelPolicy, state: S) -> None:
    """RD-1, OP-8: what fell due meanwhile is done on release."""
    made = Redeeming()
    retelling = Retelling(made)
    made.submitted(terms, deadline=made.now + 30 * DAY if terms is ESCROW else None)
    _operator(made)

    made.turn(16 * DAY)
    assert made.order().state is S.ACCEPTED
    assert not made.actions
    is_sound(made)
    _thaws(made)

    assert [type(each) for each in made.actions] == [AskProvider]
    assert made.report(FACE_MINOR, Finding.FOUND).stands in (state, S.COMPLETED)
    is_sound(made)
    assert not retelling.faults()


def test_what_is_not_due_at_the_thaw_is_read_when_it_is() -> None:
    """Not before."""
    made = Redeeming()
    due_at = made.submitted(SU).verify_at
    _operator(made)

    made.when(made.order().card_id, UnfreezeCard(made.order().card_id, "case_1", "op_1"))

    assert made.timers[VERIFY, made.order().id].due_at == due_at


def test_the_window_of_a_frozen_card_runs_on() -> None:
    """OP-8: its customer may take it back while nobody reads it, until the window ends."""
    made = Redeeming()
    made.submitted(SU)
    _operator(made)
    made.turn(SU.window or timedelta())
    assert made.cancel().reason == ""
    assert (made.order().state, made.card_of().frozen_from) == (S.CANCELLED, CardStanding.ACTIVE)


def _led(terms: ChannelPolicy, state: S) -> Redeeming:
    """A redemption that an operator leads, who has brought it so far."""
    made = Redeeming().given(InForce(replace(terms, by_hand=True)))
    made.submitted(terms, deadline=made.now + DAY if terms is ESCROW else None)
    if state is not S.ACCEPTED:
        made.do(ask.AdvanceRedemption(made.order().id, "op-1"))
    if state not in (S.ACCEPTED, S.VERIFYING):
        made.report(FACE_MINOR, Finding.FOUND)
    if state is S.ESCROWED:
        made.do(ask.AdvanceRedemption(made.order().id, "op-1"))
    assert made.order().state is state
    return made


@pytest.mark.parametrize("terms", [SELF, T1, ESCROW])
@pytest.mark.parametrize("state", [S.ACCEPTED, S.VERIFYING, S.VERIFIED])
def test_nobody_leads_a_redemption_on_whose_card_is_frozen(terms: ChannelPolicy, state: S) -> None:
    """Neither is the code read nor its value settled or put in escrow; after the thaw he comes again (D94, OP-8)."""
    made = _led(terms, state)
    _operator(made)
    before, asked = made.order(), len(made.actions)

    step = made.do(ask.AdvanceRedemption(before.id, "op-1"))

    assert (step.reason, step.journals, made.order(), len(made.actions)) == ("CARD_STATE", (), before, asked)
    _thaws(made)
    assert made.do(ask.AdvanceRedemption(before.id, "op-1")).reason == ""
    assert (made.order(), len(made.actions)) != (before, asked)


def _operator(made: Redeeming) -> None:
    """He freezes the card."""
    card_id = made.order().card_id
    assert made.when(card_id, FreezeCard(card_id, "case_1", "op_1")).reason == ""


def _police(made: Redeeming) -> None:
    """A fraud is reported."""
    made.do(ask.ReportFraud(made.order().id, "police"))


def _thaws(made: Redeeming) -> None:
    """Whoever froze it lets it go, sixteen days later."""
    made.turn(16 * DAY)
    order = made.order()
    if order.fraud is None:
        assert made.when(order.card_id, UnfreezeCard(order.card_id, "case_1", "op_1")).reason == ""
    else:
        assert made.do(ask.DecideFraud(order.id, False, "case-1", "boss")).reason == ""
    made.fire()
    made.settle_down()


def _escrowed(kind: Kind) -> tuple[Redeeming, Retelling]:
    made = Redeeming().given(InForce(ESCROW if kind is Kind.SELF else FOREIGN_ESCROW))
    retelling = Retelling(made)
    made.submitted(ESCROW if kind is Kind.SELF else FOREIGN_ESCROW, deadline=made.now + HOUR)
    made.verify()
    assert made.order().state is S.ESCROWED
    return made, retelling


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("freeze", [_operator, _police])
@pytest.mark.parametrize(("by", "reason", "state"), [
    (-timedelta(seconds=1), "", S.COMPLETED), (timedelta(), "", S.COMPLETED), (TICK, "ESCROW_OVER", S.REVOKED),
    (timedelta(seconds=1), "ESCROW_OVER", S.REVOKED),
])
def test_a_condition_that_is_met_while_the_card_is_frozen_counts_once_it_is_free(
    kind: Kind, freeze: Callable[[Redeeming], None], by: timedelta, reason: str, state: S
) -> None:
    """OP-8, OP-16: windows run on, so the deadline judges the instant at which it was met, not that of the thaw."""
    made, retelling = _escrowed(kind)
    freeze(made)
    deadline = made.order().deadline
    assert deadline is not None
    made.now = deadline + by

    step = made.when(made.order().card_id, ask.MeetEscrowCondition(made.order().id, "op-1"))

    assert step.reason == reason
    assert step.journals == ()
    left = {kind for kind in (ESCROW_ENDS, ESCROW_MET) if (kind, made.order().id) in made.timers}
    police = made.order().fraud is not None
    assert left == (set() if police else {ESCROW_ENDS} if reason else {ESCROW_MET})
    is_sound(made)
    if not reason:
        made.turn(DAY)
        assert made.order().stands is S.ESCROWED
        is_sound(made)
    _thaws(made)
    assert made.order().state is state
    is_sound(made)
    assert not retelling.faults()
    assert not any(account in ("L.ESCROW", "L.PAYOUT.TRANSIT") for account, _ in made.both())


@pytest.mark.parametrize("freeze", [_operator, _police])
@pytest.mark.parametrize(("state", "reason"), [
    (S.ACCEPTED, "REDEMPTION_STATE"), (S.VERIFYING, "REDEMPTION_STATE"), (S.VERIFIED, "REDEMPTION_STATE"),
    (S.ESCROWED, ""),
])
def test_a_freeze_lets_nobody_meet_a_condition_that_waits_for_an_operator(
    freeze: Callable[[Redeeming], None], state: S, reason: str
) -> None:
    """It is not the freeze that keeps the value from escrow: without it he would be refused, too (D94)."""
    made = _led(ESCROW, state)
    if state is not S.ESCROWED:
        assert made.do(ask.MeetEscrowCondition(made.order().id, "op-1")).reason == "REDEMPTION_STATE"
    freeze(made)

    assert made.do(ask.MeetEscrowCondition(made.order().id, "op-1")).reason == reason

    _thaws(made)
    assert made.order().state is (S.SETTLED if state is S.ESCROWED else state)
    is_sound(made)


def test_what_was_to_end_an_escrow_wakes_a_met_one_under_its_new_name() -> None:
    """An earlier release left it there."""
    made, _ = _escrowed(Kind.SELF)
    _operator(made)
    assert made.do(ask.MeetEscrowCondition(made.order().id, "op-1")).reason == ""
    met = made.timers.pop((ESCROW_MET, made.order().id))
    made.timers[ESCROW_ENDS, met.key] = replace(met, kind=ESCROW_ENDS, due_at=made.now)

    made.fire()

    assert made.order().state is S.ESCROWED
    is_sound(made)
    _thaws(made)
    assert made.order().state is S.COMPLETED


@pytest.mark.parametrize(("by", "state"), [
    (-timedelta(seconds=1), S.ESCROWED), (timedelta(), S.ESCROWED), (TICK, S.REVOKED),
])
def test_an_escrow_is_not_over_before_its_deadline(by: timedelta, state: S) -> None:
    """However early its timer rings; the deadline is in time (OP-16)."""
    made, _ = _escrowed(Kind.SELF)
    deadline, ends = made.order().deadline, (ESCROW_ENDS, made.order().id)
    assert deadline is not None
    made.now = deadline + by
    made.timers[ends] = replace(made.timers[ends], due_at=made.now)

    made.fire()

    assert made.order().state is state
    is_sound(made)


def test_a_condition_is_met_once() -> None:
    """Who says it again, hears how it stands."""
    made, _ = _escrowed(Kind.SELF)
    _operator(made)
    for _ in range(2):
        assert made.do(ask.MeetEscrowCondition(made.order().id, "op-1")).reason == ""

    version = made.order().version
    assert made.do(ask.MeetEscrowCondition(made.order().id, "op-1")).result.version == version


def test_a_condition_that_is_met_before_the_value_is_in_escrow_counts_too() -> None:
    """The operator's freeze kept it from there (D94)."""
    made = Redeeming()
    retelling = Retelling(made)
    made.submitted(ESCROW, deadline=made.now + HOUR)
    assert made.verify(frozen_for="case_1").state is S.VERIFIED

    assert made.do(ask.MeetEscrowCondition(made.order().id, "op-1")).reason == ""
    _thaws(made)

    assert made.order().state is S.COMPLETED
    assert {each.op for each in made.journals} == {"escrow", "escrow_release"}
    is_sound(made)
    assert not retelling.faults()


@pytest.mark.parametrize("verifies", [False, True])
@pytest.mark.parametrize("freeze", [_operator, _police])
def test_a_condition_counts_that_is_met_while_a_freeze_stops_the_verification(
    freeze: Callable[[Redeeming], None], verifies: bool
) -> None:
    """OP-8: its window runs on, and nothing else of it does."""
    made = Redeeming()
    retelling = Retelling(made)
    made.submitted(ESCROW, deadline=made.now + 10 * DAY)
    if verifies:
        made.turn(HOUR)
    freeze(made)
    made.now += 5 * DAY
    assert made.do(ask.MeetEscrowCondition(made.order().id, "op-1")).reason == ""
    is_sound(made)

    _thaws(made)
    made.report(FACE_MINOR, Finding.FOUND)
    made.turn(HOUR)
    made.settle_down()

    assert made.order().state is S.COMPLETED
    is_sound(made)
    assert not retelling.faults()


def test_a_fraud_takes_back_what_was_to_be_released() -> None:
    """OP-8: the value goes back to the card, which stays frozen."""
    made, retelling = _escrowed(Kind.SELF)
    _police(made)
    assert made.do(ask.MeetEscrowCondition(made.order().id, "op-1")).reason == ""
    made.turn(16 * DAY)

    assert made.do(ask.DecideFraud(made.order().id, True, "case-1", "boss")).reason == ""

    assert made.order().state is S.CLOSED_FRAUD
    assert made.card_of().balance_minor == CARD.balance_minor
    is_sound(made)
    assert not retelling.faults()


@pytest.mark.parametrize("terms", [SELF, T1])
def test_what_waits_for_no_condition_has_none_to_meet(terms: ChannelPolicy) -> None:
    """Frozen or not."""
    made = Redeeming()
    made.submitted(terms)
    _operator(made)

    made.when(CARD.id, ask.MeetEscrowCondition(made.order().id, "op-1")).then_refused("REDEMPTION_STATE")
