"""What a case or a fraud stops is not paid meanwhile, whatever the bank says; and what was, is what it was (OP-8)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from services.card_redemption.domain.disputes import commands as ask
from services.card_redemption.domain.disputes.case import Verdict
from services.card_redemption.domain.disputes.kinds import DisputeType as T
from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome
from services.card_redemption.domain.redemption import freezing
from services.card_redemption.domain.redemption.commands import (
    AcceptPlatformFault,
    CorrectFace,
    DecideFraud,
    ReportFraud,
)
from services.card_redemption.domain.redemption.participation import LedgerPayout, PayoutNews, PayoutSettled
from services.card_redemption.domain.redemption.redeemer import Redeemer
from services.card_redemption.domain.redemption.states import PayoutState, RedemptionState
from tests.lifecycles import is_sound
from tests.services.card_redemption.disputing import (
    BOSS,
    CLERK,
    CUSTOMER,
    accepted,
    asked,
    case_of,
    decided,
    handled,
    opened,
)
from tests.services.card_redemption.redeeming import FACE_MINOR, Redeeming

R = RedemptionState


def _sent(*, stops: bool = True) -> Redeeming:
    """Settled, and the credit ledger has its payout."""
    made = accepted()
    made.ledger.says, made.ledger.stops = LedgerPayout.SENT, stops
    made.verify(FACE_MINOR)
    return made


def _reported(made: Redeeming) -> None:
    opened(made, T.FRAUD)


def _held(made: Redeeming) -> None:
    asked(made, ask.FreezeForDispute(handled(made, T.DUPLICATE_CODE).id, CLERK))


def _upheld(made: Redeeming) -> None:
    decided(made, handled(made, T.DUPLICATE_CODE))


@pytest.mark.parametrize("stop", [_reported, _held, _upheld])
def test_what_nobody_called_for_is_recorded_under_no_call(stop: Callable[[Redeeming], None]) -> None:
    """The bank refuses what a case could not stop; the credit ledger refuses to stop it then, and who reported or froze
    is not the one who is refused (RD-31)."""
    made = _sent(stops=False)
    stop(made)
    made.ledger.refuses = "PAYOUT_NOT_FOUND"
    order = made.order()

    made.tell(order.card_id, PayoutNews(order.id, order.payouts[0].id, refused=True, detail="no such account"))
    made.settle_down()

    last = made.records[-1]
    assert isinstance(last, Attempt)
    assert (last.kind, last.outcome, last.reason) == ("HOLD_PAYOUT", AttemptOutcome.DENIED, "PAYOUT_NOT_FOUND")


@pytest.mark.parametrize("stop", [_reported, _held, _upheld])
def test_what_a_case_stops_is_not_paid(stop: Callable[[Redeeming], None]) -> None:
    """OP-8: as after a fraud report, a payout that the credit ledger has is stopped, and owed under a new id."""
    made = _sent()

    stop(made)

    assert made.order().state is R.FROZEN
    assert [payout.state for payout in made.order().payouts] == [PayoutState.STOPPED, PayoutState.DUE]
    assert made.ledger.payouts == {}
    is_sound(made)


def test_what_is_heard_of_a_redemption_leaves_the_case_on_it_for_which_it_stands_still() -> None:
    """A payout that could not be stopped is paid meanwhile."""
    made = _sent(stops=False)
    _held(made)

    _paid_meanwhile(made)

    assert (made.order().state, made.order().reason) == (R.FROZEN, case_of(made, T.DUPLICATE_CODE).id)
    assert [each.state for each in made.order().payouts] == [PayoutState.PAID]
    is_sound(made)


def _paid_meanwhile(made: Redeeming) -> None:
    """The one payout that the credit ledger has comes in."""
    (payout,) = (each for each in made.order().payouts if each.state is PayoutState.SENT)
    made.ledger.paid(payout.id)
    made.tell(made.order().card_id, PayoutSettled(made.order().id, payout.id, rerouted=False))
    made.settle_down()


def test_what_was_paid_while_a_case_held_it_counts_once_it_is_let_go() -> None:
    """RD-23: with that it is complete, and the first one of its customer is."""
    made = _sent(stops=False)
    _held(made)
    _paid_meanwhile(made)
    before = made.row(Redeemer, CUSTOMER).completed

    decided(made, case_of(made, T.DUPLICATE_CODE), Verdict.REJECTED)

    assert made.order().state is R.COMPLETED
    assert made.row(Redeemer, CUSTOMER).completed == before + 1
    is_sound(made)


def test_what_was_paid_while_a_fraud_was_looked_into_counts_if_it_was_none() -> None:
    """RD-23, as above."""
    made = _sent(stops=False)
    made.do(ReportFraud(made.order().id, CLERK))
    _paid_meanwhile(made)
    made.now += timedelta(days=16)
    before = made.row(Redeemer, CUSTOMER).completed

    made.do(DecideFraud(made.order().id, confirmed=False, police_case="P-1", operator_id=BOSS))

    assert made.order().state is R.COMPLETED
    assert made.row(Redeemer, CUSTOMER).completed == before + 1


@pytest.mark.parametrize("stop", [_reported, _held, _upheld])
def test_what_was_at_the_bank_is_stopped_once_the_bank_refuses_it(stop: Callable[[Redeeming], None]) -> None:
    """OP-8: the credit ledger would try again, and it can be stopped until then."""
    made = _sent(stops=False)
    stop(made)
    (payout,) = made.order().payouts
    made.ledger.stops = True

    made.tell(made.order().card_id, PayoutNews(made.order().id, payout.id, refused=True, detail="no such account"))
    made.settle_down()

    assert [each.state for each in made.order().payouts] == [PayoutState.STOPPED, PayoutState.DUE]
    assert made.ledger.payouts == {}
    is_sound(made)


@pytest.mark.parametrize("fraud", [True, False])
def test_what_was_claimed_of_a_payout_that_is_stopped_after_it_is_owed_again(fraud: bool) -> None:
    """P34, OP-8: of a stopped payout of 75.20, of which 0.94 were claimed, 74.26 are taken back; the 0.94 are paid, and
    net what was claimed (RD-33)."""
    made = _sent(stops=False)
    order = made.order()
    made.do(CorrectFace(order.id, FACE_MINOR - 100, CLERK))
    made.ledger.stops = True

    if fraud:
        made.do(ReportFraud(order.id, CLERK))
        made.now += timedelta(days=16)
        made.do(DecideFraud(order.id, confirmed=True, police_case="P-1", operator_id=BOSS))
    else:
        made.do(AcceptPlatformFault(order.id, BOSS))

    closed = made.order()
    assert closed.state is (R.CLOSED_FRAUD if fraud else R.FAULT_REVERSED)
    assert [(each.amount_minor, each.state) for each in closed.payouts if each.state is not PayoutState.STOPPED] == [
        (94, PayoutState.SENT)
    ]
    last = made.journals[-1]
    assert (last.op, sorted(line.amount_minor for line in last.lines)) == (
        "fraud_close" if fraud else "fault_reversal", [-7_900, -94, 474, 7_520]
    )
    _paid_meanwhile(made)
    assert (made.order().claimed_minor, made.both()["A.CUST.RECV", ""]) == (94, 94)
    assert made.both()["A.BANK", ""] == -94
    assert not any(account in ("X.CLEARING", "L.PAYOUT.TRANSIT", "I.SPREAD") for account, _ in made.both())
    is_sound(made)


@pytest.mark.parametrize("reported", [True, False])
def test_what_a_case_held_before_that_stopped_payouts_has_them_stopped_as_a_fraud(reported: bool) -> None:
    """D101: held by an older release, and reported or decided to be a fraud in this one."""
    made = _sent()
    case, before = handled(made, T.DUPLICATE_CODE), made.card_of()
    held = freezing.held(made.order(), before, case.id, made.now)
    made.given(held.order, replace(held.card, sequence=before.sequence))

    if reported:
        opened(made, T.FRAUD)
    else:
        decided(made, case)

    assert made.order().fraud is not None
    assert [each.state for each in made.order().payouts] == [PayoutState.STOPPED, PayoutState.DUE]
    assert made.ledger.payouts == {}
