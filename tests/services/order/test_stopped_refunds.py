"""While operators have stopped refunds none begins, what is under way ends, and nothing is lost by waiting."""

from datetime import timedelta

import pytest

from services.kernel.decision import Refused
from services.order.decisions.beginning import REFUNDS
from services.order.domain.commands import CancelOrder, ConfirmReceipt, ConfirmShipment, RefundAmount
from services.order.domain.placing import HELD_UP
from services.order.domain.states import OrderState
from tests.in_memory import Step
from tests.services.order.world import ORDER_ID, World, placed, sent_back, shipped, units

STOPPED = frozenset({REFUNDS})
CANCEL = CancelOrder(ORDER_ID, "customer", "not wanted")


def reason(step: Step) -> str:
    """Why a call was refused; empty if it was not."""
    return step.outcome.reason if isinstance(step.outcome, Refused) else ""


def returned() -> tuple[World, object]:
    """An order whose goods are back, and the merchant's word of it."""
    world = shipped()
    case = sent_back(world, L1=1)
    return world, ConfirmReceipt(ORDER_ID, case.id, units(L1=1))


def test_no_refund_begins_while_they_are_stopped() -> None:
    """A cancellation, money back without goods, goods that came back; another request succeeds once they go on."""
    for world, body in ((placed(), CANCEL), (shipped(), RefundAmount(ORDER_ID, 100, "why")), returned()):
        before = world.order
        world.stopped = STOPPED
        refused = world.ask(body)
        after = world.order
        world.stopped = frozenset()
        begun = world.ask(body)

        assert (reason(refused), after) == ("REFUNDS_STOPPED", before)
        assert reason(begun) == ""
        assert world.order.settlement_id


def test_what_is_under_way_ends_and_trade_goes_on() -> None:
    """Only beginning is stopped: replies are decided, orders are placed and shipped."""
    world = placed()
    world.ask(CANCEL)
    world.stopped = STOPPED
    world.settle()

    assert world.state() is OrderState.CANCELLED
    other = placed()
    other.stopped = STOPPED
    assert reason(other.ask(ConfirmShipment(ORDER_ID))) == ""


@pytest.mark.parametrize("stopped", [True, False])
def test_a_hold_does_not_run_out_while_refunds_are_stopped(stopped: bool) -> None:
    """Its order is closed a moment after they go on, and not before."""
    world = placed()
    assert world.order.hold_expires_at is not None
    world.stopped = STOPPED if stopped else frozenset()
    world.turn(world.order.hold_expires_at - world.now + timedelta(seconds=1))
    assert bool(world.order.settlement_id) is not stopped

    world.stopped = frozenset()
    world.turn(HELD_UP)
    world.settle()
    assert world.state() is OrderState.PAYMENT_EXPIRED
