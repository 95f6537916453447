"""What the simulator found, each as the smallest world that shows it."""

import pytest

from services.credit_ledger.domain.model.leg import LegState, RefundLeg
from services.kernel.admission import Admission
from services.order.domain import commands
from services.order.domain.tenders import TenderType
from settle.simulation.agenda import HOUR, Steps
from settle.simulation.checks import examine
from settle.simulation.people import finance
from settle.simulation.seeds import ENDLESS, lived
from settle.simulation.tape import Tape
from settle.simulation.world import World

ORDER = commands.PlaceOrder(
    order_id="ord_0", customer_id="cus_0", merchant_id="mer_0", account_id="acc_0",
    lines=(commands.NewLine("L1", 1, 300_000),),
    tenders=(
        commands.NewTender(TenderType.GIFTCARD, 200_000, "crd_0_0"),
        commands.NewTender(TenderType.BANKCARD, 100_000, "pay_0"),
    ),
)
"""The card is not worth its share, so the order is rejected, and the bank's share goes back."""


def _placed(world: World) -> Steps:
    yield from world.desk.ask("order", "ord_0", ORDER)


def test_the_payment_of_a_rejected_order_that_came_back_is_in_the_wallet_and_the_auditor_follows() -> None:
    """The rail paid it back, and the payment bounced: the auditor looked for the journals of its first end a second
    time, at the reroute, and told of two that are missing."""
    world = World(Tape())
    world.quiet = True
    world.tell_all([finance.opening(world, 0)], HOUR)
    world.tell_all([_placed(world)], HOUR)
    world.until(lambda: False, HOUR)
    (leg_id,) = world.rail.payments

    world.rail.bounce(leg_id)
    world.until(lambda: False, HOUR)
    examine(world)

    (leg,) = world.stores["credit_ledger"].every(RefundLeg)
    assert leg.state is LegState.REROUTED
    assert world.violations == []


@pytest.mark.timeout(60)
def test_a_timer_that_comes_true_for_ever_is_a_finding_with_a_story(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lane decides it again and again and waits for nothing, so virtual time stood still, and nobody heard of it.
    """
    monkeypatch.setattr(Admission, "_settle_timer", lambda *given: None)

    world = lived(Tape(1), told=True)

    assert [each.check for each in world.violations] == [ENDLESS]
    *_, last, said = world.story.lines()
    assert ("timer" in last, "goes on" in said) == (True, True)
