"""What a redemption that stands still, or is to be taken back, asks of the credit ledger: each payout that it has, one
after the other, until all is held or taken back (OP-2, OP-8)."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.plans import Kind
from services.card_redemption.domain.redemption.states import PayoutState, Step
from services.card_redemption.domain.redemption.taking_back import Cause
from services.kernel.saga import Run

if TYPE_CHECKING:
    from settle.simulation.world import World

Changed = Mapping[type, Mapping[str, Any]]
"""The rows that a transaction changed, by kind and key. Any: rows of each kind."""
_GOES_ON = (Step.UNFROZEN, Step.CLOSED_FRAUD)
_ONLY_ASKED = frozenset({Step.PAYOUT_STOPPING, Step.PAYOUT_NOT_STOPPED, Step.PAYOUT_HELD})


def saw(world: "World", changed: Changed, steps: Mapping[str, set[Step]]) -> None:
    """What these redemptions did in a transaction, by their ids."""
    for redemption_id, stepped in steps.items():
        _stands_still(world, changed, redemption_id, stepped)
    for run in _stopping(changed):
        left = steps.get(run.plan.party.redemption_id, set()) <= _ONLY_ASKED
        if run.terminal and run.plan.what.cause is not Cause.PAYOUT_HOLD and left and not _held_by_a_saga(changed, run):
            world.fail("taken_back", f"{run.plan.party.redemption_id} is not, and nobody is asked about the rest of it")


def _stands_still(world: "World", changed: Changed, redemption_id: str, steps: set[Step]) -> None:
    """Nothing of what stands still is paid: of each payout that the credit ledger has it was asked whether it can be
    stopped, and again once the bank has refused one."""
    if not steps.isdisjoint(_GOES_ON):
        world.standing_still.pop(redemption_id, None)
        return
    if Step.FROZEN in steps or (Step.PAYOUT_DELAYED in steps and redemption_id in world.standing_still):
        world.standing_still[redemption_id] = set()
    asked = world.standing_still.get(redemption_id)
    if asked is None:
        return
    asked |= {run.plan.payout_id for run in _stopping(changed) if run.plan.party.redemption_id == redemption_id}
    row: RedemptionOrder = changed[RedemptionOrder][redemption_id]
    sent = {payout.id for payout in row.payouts if payout.state is PayoutState.SENT}
    if not row.settlement_id and not sent <= asked:
        world.fail("standing_still", f"{redemption_id} stands still, and its payouts {sorted(sent - asked)} go on")


def _stopping(changed: Changed) -> Iterator[Run]:
    return (run for run in changed.get(Run, {}).values() if run.kind == Kind.STOP_PAYOUT)


def _held_by_a_saga(changed: Changed, run: Run) -> bool:
    row = changed.get(RedemptionOrder, {}).get(run.plan.party.redemption_id)
    return bool(row and row.settlement_id)
