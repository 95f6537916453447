"""Operators of a world stop and let go; what is stopped does not begin, and whoever lets it is told."""

from dataclasses import replace

import pytest

from services.credit_ledger.domain.model.leg import QueryLeg, Rail, SendLeg
from services.order.domain.commands import CancelOrder, NewLine, NewTender
from services.order.domain.order import Order
from services.order.domain.states import OrderState
from services.order.domain.tenders import TenderType
from settle.simulation.agenda import HOUR, MINUTE, Steps
from settle.simulation.people import finance, stopping
from settle.simulation.tape import Tape
from settle.simulation.world import World
from tests.settle.simulation.test_found import ORDER

BOUGHT = replace(
    ORDER, lines=(NewLine("L1", 1, 1_000),), tenders=(NewTender(TenderType.WALLET, 1_000, ""),)
)
LEG = SendLeg("leg_1", "acc_0", Rail.CARD, "pay_0", 100)


def _opened() -> World:
    world = World(Tape())
    world.quiet = True
    world.tell_all([finance.opening(world, 0)], HOUR)
    return world


def _stop(world: World, service: str, name: str) -> None:
    switches = world.stores[service].switches
    switches.propose(name, True, stopping.MAKER)
    switches.approve(name, True, stopping.CHECKER, world.stores[service].present(world.agenda.now))


def _cancelled(world: World, told: list[str]) -> Steps:
    yield from world.desk.ask("order", "ord_0", BOUGHT)
    yield MINUTE
    answer = yield from world.desk.ask("order", "ord_0", CancelOrder("ord_0", "NOT_WANTED", customer_id="cus_0"))
    told.append(answer.reason)


@pytest.mark.parametrize(("stopped", "reason", "state"), [
    (True, "REFUNDS_STOPPED", OrderState.AWAITING_SHIPMENT), (False, "", OrderState.CANCELLED),
])
def test_decisions_of_a_world_read_what_is_stopped(stopped: bool, reason: str, state: OrderState) -> None:
    """With their instant, as in production."""
    world, told = _opened(), list[str]()
    if stopped:
        _stop(world, "order", "refunds")

    world.tell_all([_cancelled(world, told)], HOUR)

    order = world.stores["order"].rows[Order].get("ord_0")
    assert (told, order and order.state) == ([reason], state)


@pytest.mark.parametrize("action", [LEG, QueryLeg(LEG)])
def test_a_payment_that_begins_on_a_stopped_rail_is_told(action: SendLeg | QueryLeg) -> None:
    """Whether it was sent, or a question sent it."""
    world = _opened()

    world.rail.done(action, frozenset({"rail.payout"}))
    held = list(world.violations)
    world.rail.payments.clear()
    world.rail.done(action, frozenset({"rail.card"}))

    assert (held, [each.check for each in world.violations]) == ([], ["stopped"])


def test_nothing_is_stopped_any_more_once_all_is_let_go() -> None:
    """Of each service."""
    world = _opened()
    _stop(world, "order", "refunds")
    _stop(world, "credit_ledger", "rail.card")

    stopping.let_go(world)

    assert [store.switches.stopped for store in world.stores.values()] == [frozenset()] * 3
