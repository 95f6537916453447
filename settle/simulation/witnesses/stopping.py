"""What operators have stopped does not begin: not by a decision that read it with its instant."""

from typing import TYPE_CHECKING

from services.credit_ledger.domain.legs.steps import switch_of
from services.credit_ledger.domain.model.leg import LegState, QueryLeg, Rail, RefundLeg
from services.kernel.saga import Run
from services.order.decisions.beginning import REFUNDS
from services.order.domain.states import Kind

if TYPE_CHECKING:
    from settle.simulation.transaction import Transaction
    from settle.simulation.world import World

GIVES_BACK = (Kind.REFUND, Kind.CANCELLATION)
_HELD = {Rail.CARD: "card_leg_held", Rail.PAYOUT: "payout_leg_held"}


def saw(world: "World", transaction: "Transaction") -> None:
    """What began, and what waited; the rail itself says what it was sent (`rail.py`). A decision that read it a moment
    before may still be committed (D75)."""
    stopped, effects = transaction.stopped, transaction.admission.effects
    if not stopped:
        return
    found, note = effects.found.get(Run, {}), world.reached.note
    for run in effects.dirty.get(Run, {}).values():
        assert isinstance(run, Run)
        if REFUNDS in stopped and run.kind in GIVES_BACK and found.get(run.id) is None:
            world.fail("stopped", f"{run.kind} {run.id} began while refunds were stopped")
    legs = effects.dirty.get(RefundLeg, {})
    for leg in legs.values():
        assert isinstance(leg, RefundLeg)
        if leg.state is LegState.PENDING and switch_of(leg.rail) in stopped:
            note(_HELD[leg.rail])
    for action in effects.actions:
        if isinstance(action, QueryLeg) and switch_of(action.leg.rail) in stopped:
            note("asked_while_stopped")
