"""Whatever order a wrong face, a fraud, a fault, the bank and the credit ledger's word come in: in the end the customer
has what the redemption owes him, and one that was taken back whole leaves nobody anything (P31, P32, P34, OP-8)."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.card_redemption.domain.recycling.policy import ChannelPolicy
from services.card_redemption.domain.redemption import commands as ask
from services.card_redemption.domain.redemption.participation import LedgerPayout, PayoutNews, PayoutSettled
from services.card_redemption.domain.redemption.states import PAYABLE, PayoutState, RedemptionState
from services.kernel.saga import Run
from tests.lifecycles import is_sound
from tests.services.card_redemption.redeeming import FACE_MINOR, SELF, SU, Redeeming
from tests.services.card_redemption.retelling import Retelling

R = RedemptionState
TAKEN_BACK = (R.CLOSED_FRAUD, R.FAULT_REVERSED)
Act = Callable[[Redeeming], None]


def _does(body: Callable[[str], object]) -> Act:
    def act(made: Redeeming) -> None:
        made.do(body(made.order().id))

    return act


def _face(face_minor: int) -> Act:
    return _does(lambda name: ask.CorrectFace(name, face_minor, "op-1"))


def _mood(*, says: LedgerPayout = LedgerPayout.SENT, stops: bool = True, refuses: str = "") -> Act:
    def act(made: Redeeming) -> None:
        made.ledger.says, made.ledger.stops, made.ledger.refuses = says, stops, refuses

    return act


def _arrives(made: Redeeming, last: bool) -> None:
    waiting = sorted(made.ledger.payouts)
    if waiting:
        payout_id = waiting[-1 if last else 0]
        made.ledger.paid(payout_id)
        made.tell(made.order().card_id, PayoutSettled(made.order().id, payout_id, rerouted=False))
        made.settle_down()


def _bounces(made: Redeeming) -> None:
    for payout_id in sorted(made.ledger.payouts):
        made.tell(made.order().card_id, PayoutNews(made.order().id, payout_id, refused=True, detail="no such account"))
        made.settle_down()


def _passes(time: timedelta) -> Act:
    def act(made: Redeeming) -> None:
        made.turn(time)
        made.settle_down()

    return act


ACTS: dict[str, Act] = {
    "less": _face(FACE_MINOR - 500), "still less": _face(FACE_MINOR - 900), "nothing": _face(0),
    "more": _face(FACE_MINOR + 700), "right": _face(FACE_MINOR),
    "fraud": _does(lambda name: ask.ReportFraud(name, "police")),
    "guilty": _does(lambda name: ask.DecideFraud(name, True, "case-1", "op-1")),
    "innocent": _does(lambda name: ask.DecideFraud(name, False, "case-1", "op-1")),
    "fault": _does(lambda name: ask.AcceptPlatformFault(name, "boss")),
    "stops": _mood(), "stops none": _mood(stops=False), "pays at once": _mood(says=LedgerPayout.SETTLED),
    "refuses": _mood(refuses="ACCOUNT_NOT_ACTIVE"),
    "one arrives": lambda made: _arrives(made, last=False), "the last arrives": lambda made: _arrives(made, last=True),
    "bounces": _bounces, "a minute": _passes(timedelta(seconds=61)), "weeks": _passes(timedelta(days=16)),
}
"""What may happen to a redemption whose payout the credit ledger has, by name."""


def flaws(terms: ChannelPolicy, acts: list[str]) -> list[str]:
    """What is wrong after all of that, and once all that was still to be paid is paid."""
    made = Redeeming()
    retelling = Retelling(made)
    _mood(stops=False)(made)
    made.submitted(terms)
    made.verify()
    for act in acts:
        ACTS[act](made)
        is_sound(made)
    _come_to_rest(made)
    is_sound(made)
    return [*map(str, retelling.faults()), *_left(made)]


def _come_to_rest(made: Redeeming) -> None:
    """Everybody answers, and all that is on its way arrives."""
    _mood(stops=False)(made)
    for _ in range(4):
        _passes(timedelta(days=1))(made)
        while made.ledger.payouts:
            _arrives(made, last=False)


def _left(made: Redeeming) -> list[str]:
    order, both = made.order(), made.both()
    waits = [row.id for row in made.rows.values() if isinstance(row, Run) and not row.terminal]
    has_minor = -both["A.BANK", ""] - both["A.CUST.RECV", ""]
    owed_minor = 0 if order.state in TAKEN_BACK else order.payout_minor
    between = {sub: minor for (account, sub), minor in both.items() if account in ("X.CLEARING", "L.PAYOUT.TRANSIT")}
    found = [f"{run} never ends" for run in waits]
    if order.state in (*TAKEN_BACK, *PAYABLE):
        found += [f"{order.state}: the customer has {has_minor}, not {owed_minor}"] * (has_minor != owed_minor)
        found += [f"{order.state}: {between} is left"] * bool(between)
    if order.state in TAKEN_BACK:
        found += [f"{both['I.SPREAD', order.id]} of spread is left"] * bool(both["I.SPREAD", order.id])
    return found


def _topped_up() -> Redeeming:
    """A redemption with two payouts that are under way, which the bank does not stop."""
    made = Redeeming()
    _mood(stops=False)(made)
    made.submitted(SELF)
    made.verify()
    ACTS["more"](made)
    return made


@pytest.mark.parametrize("acts", [
    pytest.param(["less", "fraud", "stops", "bounces", "weeks", "guilty"], id="claimed in part, stopped, a fraud"),
    pytest.param(["less", "stops", "fault"], id="claimed in part, stopped for a fault"),
    pytest.param(["less", "stops", "still less"], id="claimed in part, stopped for a second face"),
    pytest.param(
        ["more", "fraud", "one arrives", "stops", "bounces", "weeks", "guilty"], id="paid in part, stopped, a fraud",
    ),
    pytest.param(["more", "stops", "fraud", "stops none", "weeks", "guilty"], id="two stopped, a fraud"),
    pytest.param(["more", "fraud", "weeks", "guilty"], id="two at the bank, a fraud"),
    pytest.param(["more", "fraud", "weeks", "stops", "guilty"], id="two stopped for the fraud itself"),
    pytest.param(["less", "more", "fraud", "stops", "bounces", "weeks", "guilty"], id="less, more, stopped, a fraud"),
])
@pytest.mark.parametrize("terms", [SELF, SU], ids=["ours", "elsewhere"])
def test_what_was_claimed_or_paid_in_part_is_taken_back_whole(terms: ChannelPolicy, acts: list[str]) -> None:
    """The paths by name; what had been claimed of a payout that was stopped is owed again, and nets the claim."""
    assert flaws(terms, acts) == []


def test_only_what_somebody_has_is_claimed() -> None:
    """Of two payouts one arrived, and the other was stopped: that is taken back, and nobody is asked for it (D106)."""
    made = Redeeming()
    _mood(stops=False)(made)
    made.submitted(SELF)
    made.verify()
    for act in ("more", "fraud", "one arrives", "stops", "bounces", "weeks"):
        ACTS[act](made)
    paid_minor = sum(each.amount_minor for each in made.order().payouts if each.state is PayoutState.PAID)

    ACTS["guilty"](made)

    order = made.order()
    assert 0 < order.claimed_minor == paid_minor < order.payout_minor
    assert {each.state for each in order.payouts} == {PayoutState.PAID, PayoutState.STOPPED}


@pytest.mark.parametrize("face_minor", [0, -1])
def test_no_face_is_corrected_to_nothing(face_minor: int) -> None:
    """It is refused before the credit ledger claims anything: no redemption is kept without a face (RD-21)."""
    made = Redeeming()
    made.submitted(SELF)
    made.verify()
    paid = made.order()

    step = made.do(ask.CorrectFace(paid.id, face_minor, "op-1"))

    assert getattr(step.outcome, "reason", "") == "INVALID_AMOUNT"
    assert made.order() == paid


@pytest.mark.parametrize("body", [
    lambda name: ask.AcceptPlatformFault(name, "boss"), lambda name: ask.CorrectFace(name, FACE_MINOR - 500, "op-1"),
], ids=["fault", "less"])
@pytest.mark.parametrize(("arrived", "reason"), [(0, "PAYOUT_IN_TRANSIT"), (1, "PAYOUT_IN_TRANSIT"), (2, "")])
def test_of_two_payouts_none_is_taken_back_before_both_arrived(
    body: Callable[[str], object], arrived: int, reason: str
) -> None:
    """While one of them is under way nobody can say which of them it would be."""
    made = _topped_up()
    for _ in range(arrived):
        ACTS["one arrives"](made)

    step = made.do(body(made.order().id))

    assert getattr(step.outcome, "reason", "") == reason


def test_a_face_that_is_right_is_no_correction_whatever_is_under_way() -> None:
    """Nothing moves: asked for again while the top-up is under way it is answered as before it."""
    made = _topped_up()
    stands, journals = made.order(), len(made.journals)

    assert made.do(ask.CorrectFace(stands.id, stands.face_minor, "op-1")).reason == ""

    assert (made.order(), len(made.journals)) == (stands, journals)


def test_a_fraud_stops_every_payout_that_the_credit_ledger_has() -> None:
    """One after another (OP-8)."""
    made = _topped_up()
    assert len(made.ledger.payouts) == 2
    _mood(stops=True)(made)

    ACTS["fraud"](made)

    assert made.ledger.payouts == {}
    assert [each.state for each in made.order().payouts] == 2 * [PayoutState.STOPPED] + 2 * [PayoutState.DUE]


@settings(max_examples=150, deadline=None)
@given(terms=st.sampled_from([SELF, SU]), acts=st.lists(st.sampled_from(sorted(ACTS)), min_size=2, max_size=10))
def test_the_customer_has_what_is_owed_whatever_happens(terms: ChannelPolicy, acts: list[str]) -> None:
    """Any of it, in any order."""
    assert flaws(terms, acts) == []
