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
from services.card_redemption.domain.redemption.timers import SETTLE
from tests.lifecycles import is_sound
from tests.services.card_redemption.disputing import verified
from tests.services.card_redemption.redeeming import CARD, ESCROW, SELF, SU, T1, Redeeming
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
    _operator(made)
    made.verify()
    assert made.order().state is S.VERIFIED

    assert made.do(ask.MeetEscrowCondition(made.order().id, "op-1")).reason == ""
    _thaws(made)

    assert made.order().state is S.COMPLETED
    assert {each.op for each in made.journals} == {"escrow", "escrow_release"}
    is_sound(made)
    assert not retelling.faults()


@pytest.mark.parametrize("verifies", [False, True])
def test_a_condition_counts_that_is_met_while_a_fraud_stops_the_verification(verifies: bool) -> None:
    """OP-8: its window runs on, and nothing else of it does."""
    made = Redeeming()
    retelling = Retelling(made)
    made.submitted(ESCROW, deadline=made.now + 10 * DAY)
    if verifies:
        made.turn(HOUR)
    _police(made)
    made.now += 5 * DAY
    assert made.do(ask.MeetEscrowCondition(made.order().id, "op-1")).reason == ""
    is_sound(made)
    made.now += 11 * DAY

    made.do(ask.DecideFraud(made.order().id, False, "case-1", "boss"))
    made.verify()
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
