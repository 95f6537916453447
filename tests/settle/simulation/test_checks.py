"""What the simulator's own checks tell, and what they let pass."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.order.domain.order import Order
from services.order.domain.states import OrderState
from settle.simulation.agenda import SECOND, START
from settle.simulation.checks.clocks import Said, told
from settle.simulation.services import business
from settle.simulation.store import Store
from settle.simulation.witnesses.moves import Watched

ORDER = Order(
    id="ord_1", customer_id="cus", merchant_id="mer", account_id="acc", state=OrderState.PLACING, lines=(), tenders=(),
    placed_at=START, updated_at=START,
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
