"""What the simulator's own checks tell, and what they let pass."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.card_redemption.domain.disputes.case import Dispute, DisputeState, Remedy, Route
from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.order.domain.order import Order
from services.order.domain.states import OrderState
from settle.simulation.agenda import DAY, SECOND, START
from settle.simulation.checks import disputes
from settle.simulation.checks.clocks import Said, told
from settle.simulation.services import business
from settle.simulation.store import Store
from settle.simulation.tape import Tape
from settle.simulation.witnesses.moves import Watched
from settle.simulation.world import World

ORDER = Order(
    id="ord_1", customer_id="cus", merchant_id="mer", account_id="acc", state=OrderState.PLACING, lines=(), tenders=(),
    placed_at=START, updated_at=START,
)
DISPUTE = Dispute(
    id="dsp_1", card_id="crd_1", redemption_id="rdm_1", customer_id="cus_1", type=DisputeType.REFUND_AMOUNT,
    route=Route.DIRECT, vip=0, method=PayoutMethod.JD_BALANCE, opened_by="cus_1", opened_at=START, updated_at=START,
    state=DisputeState.EXECUTED, remedy=Remedy.ADJUSTMENT, granted_minor=100,
)


def _at(seconds: int) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize(("expected", "actual", "passes"), [(7, 9, True), (7, 11, False), (3, 9, False)])
def test_only_instants_that_were_shown_twice_are_not_told_apart(expected: int, actual: int, passes: bool) -> None:
    """A clock went back from 10 s to 5 s: of what lies elsewhere it is still known which came first."""
    store = Store("order", business("order", 2))
    store.jump(-5 * SECOND, 10 * SECOND)

    found = list(told(store, [Said("orders ord_1 updated_at", _at(expected), _at(actual))]))

    assert (found == []) is passes


def test_what_a_clock_went_back_over_twice_is_one_stretch() -> None:
    """From 10 s to 5 s, and from 7 s to 2 s: 9 s and 3 s are in no jump of their own, and cannot be told apart."""
    store = Store("order", business("order", 2))
    store.jump(-5 * SECOND, 10 * SECOND)
    store.jump(-5 * SECOND, 12 * SECOND)
    store.jump(-SECOND, 60 * SECOND)

    shown = [store.showed_twice(START + timedelta(seconds=3), START + timedelta(seconds=at)) for at in (9, 11)]

    assert (shown, len(store.lived_twice)) == ([True, False], 2)


def test_what_is_no_instant_is_told_whatever_the_clock_did() -> None:
    """And with it the head of the chain, which alone says nothing."""
    store = Store("order", business("order", 2))
    store.jump(-5 * SECOND, 10 * SECOND)
    head = Said("orders ord_1 events_head", "b'1'", "b'2'")

    assert list(told(store, [head])) == []
    assert len(list(told(store, [head, Said("orders ord_1 state", "PLACED", "CLOSED")]))) == 2


@pytest.mark.parametrize(
    ("state", "flaws"), [(OrderState.AWAITING_SHIPMENT, 0), (OrderState.FULLY_REFUNDED, 1)],
)
def test_a_move_that_is_in_no_table_is_told(state: OrderState, flaws: int) -> None:
    """Each decision is one move, also where a transaction decides twice."""
    found: list[str] = []
    known = Watched(found.append)
    known.put(ORDER)

    known.put(replace(ORDER, state=state))

    assert len(found) == flaws


@pytest.mark.parametrize(
    ("dispute", "flaws"), [
        (DISPUTE, 2), (replace(DISPUTE, remedy=Remedy.VOUCHER), 1), (replace(DISPUTE, remedy=Remedy.NONE), 0),
    ],
)
def test_a_remedy_that_was_not_done_is_told(dispute: Dispute, flaws: int) -> None:
    """It is executed, and nothing was posted; what was to be given back was paid no time."""
    world = World(Tape())
    world.stores["card_redemption"].rows[Dispute][dispute.id] = dispute

    assert len(list(disputes.remedied(world))) == flaws


def test_who_waits_to_be_heard_is_told() -> None:
    """Where people had the time for it."""
    world = World(Tape())
    world.stores["card_redemption"].rows[Dispute][DISPUTE.id] = replace(DISPUTE, state=DisputeState.TRIAGED)
    world.agenda.now = 30 * DAY

    told = [len(list(disputes.ended(world)))]
    world.swarm = replace(world.swarm, patience=40)
    told.append(len(list(disputes.ended(world))))

    assert told == [0, 1]
