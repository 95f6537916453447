"""Settlements that began under an earlier definition end under it, and what they did can be undone under the latest."""

from services.kernel.decision import Done
from services.kernel.saga import Phase, Run, begin
from services.order.domain.commands import RefundAmount, ReverseRefund
from services.order.domain.states import Kind, RefundState
from services.order.domain.tenders import TenderType
from services.order.sagas import DEFINITIONS
from tests.services.order.world import ORDER_ID, new_order, shipped

GIFT = new_order(tenders=((TenderType.GIFTCARD, 100_000),))


def test_a_refund_of_the_first_version_ends_with_its_own_participant() -> None:
    """The credit ledger took no part where only a gift card moves; the second version asks it (P23)."""
    world = shipped(GIFT)
    begun = world.ask(RefundAmount(ORDER_ID, 10_000))
    assert isinstance(begun, Done)
    (latest,) = [row for (kind, _), row in world.rows.items() if kind is Run and row.root == ORDER_ID][-1:]
    assert isinstance(latest, Run)
    first = next(each for each in DEFINITIONS if (each.kind, each.version) == (Kind.REFUND, 1))
    old = begin(first, latest.id, ORDER_ID, latest.plan, world.now)
    world.rows[Run, latest.id], world.sent = old.run, list(old.commands)

    asked = [command.participant for command in world.sent]
    world.settle()

    assert (latest.definition_version, len(latest.branches)) == (2, 2)
    assert (asked, world.run(latest.id).phase, world.refund().state) == (
        ["card_redemption"], Phase.DONE, RefundState.SUCCEEDED
    )
    assert isinstance(world.ask(ReverseRefund(ORDER_ID)), Done)
    world.settle()
    assert world.refund().state is RefundState.REVERSED
