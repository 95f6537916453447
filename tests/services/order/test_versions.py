"""Settlements that began under an earlier definition end under it, and what they did can be undone under the latest."""

import pytest

from services.kernel.advancing import begin
from services.kernel.saga import Phase
from services.order.domain.commands import RefundAmount, ReverseRefund
from services.order.domain.participation import CARD_REDEMPTION, CREDIT_LEDGER
from services.order.domain.states import Kind, OrderState, RefundState
from services.order.domain.tenders import TenderType
from services.order.sagas import DEFINITIONS
from tests.services.order.world import ORDER_ID, World, new_order, shipped

GIFT = new_order(tenders=((TenderType.GIFTCARD, 100_000),))


def _as_it_began_earlier(world: World, settlement_id: str) -> list[str]:
    """Put the first version of a settlement in the place of the one that has just begun; answers whom it asks."""
    latest = world.run(settlement_id)
    first = next(each for each in DEFINITIONS if (each.kind, each.version) == (latest.kind, 1))
    old = begin(first, latest.id, ORDER_ID, latest.plan, world.now)
    world.given(old.run)
    world.sent = list(old.commands)
    assert (latest.definition_version, len(latest.branches)) == (2, 2)
    return [command.participant for command in world.sent]


def test_a_refund_of_the_first_version_ends_with_its_own_participant() -> None:
    """The credit ledger took no part where only a gift card moves; the second version asks it (P23)."""
    world = shipped(GIFT)
    refund_id = world.ask(RefundAmount(ORDER_ID, 10_000)).result.run.id

    asked = _as_it_began_earlier(world, refund_id)
    world.settle()

    assert (asked, world.run(refund_id).phase, world.refund().state) == (
        [CARD_REDEMPTION], Phase.DONE, RefundState.SUCCEEDED
    )
    assert world.ask(ReverseRefund(ORDER_ID)).reason == ""
    world.settle()
    assert world.refund().state is RefundState.REVERSED


@pytest.mark.parametrize("earlier", [False, True])
def test_a_reversal_of_the_first_version_ends_with_its_own_participant(earlier: bool) -> None:
    """The second version also gives the merchant back what the refund claimed of it (P24)."""
    world = shipped(GIFT)
    world.uncovered_minor = 400
    world.ask(RefundAmount(ORDER_ID, 10_000))
    world.settle()
    reversal_id = world.ask(ReverseRefund(ORDER_ID)).result.run.id

    asked = _as_it_began_earlier(world, reversal_id) if earlier else [command.participant for command in world.sent]
    world.settle()

    ended = world.run(reversal_id)
    assert asked == ([CARD_REDEMPTION] if earlier else [CREDIT_LEDGER, CARD_REDEMPTION])
    assert (ended.kind, ended.definition_version) == (Kind.REFUND_REVERSAL, 1 if earlier else 2)
    assert (ended.phase, world.state(), world.order.settlement_id) == (Phase.DONE, OrderState.IN_TRANSIT, "")
