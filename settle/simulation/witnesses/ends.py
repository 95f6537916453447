"""Sagas as they end: what their coordinator calls done or undone is that at every participant (nobody reads a half)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from services.card_redemption.domain.cards.closing import CARD_CLOSE
from services.card_redemption.domain.redemption.plans import Kind as Recycling
from services.kernel.messages import Op
from services.kernel.saga import Phase, Run, Verdict
from services.order.domain.merchant_settlement import KIND as MERCHANT_SETTLEMENT
from services.order.domain.states import Kind

if TYPE_CHECKING:
    from settle.simulation.transaction import Transaction
    from settle.simulation.world import World

_BY_END: Mapping[tuple[str, Phase], str] = {
    (Kind.PLACEMENT, Phase.ABORTED): "placed_and_rejected", (Kind.DEPOSIT_RETURN, Phase.DONE): "deposit_returned",
    (MERCHANT_SETTLEMENT, Phase.DONE): "merchant_settled", (Recycling.PAID_CANCEL, Phase.DONE): "cancelled_for_a_fee",
    (Recycling.CLAIM, Phase.DONE): "claimed_from_customer", (Recycling.REMITTANCE, Phase.DONE): "recycler_remitted",
    (Recycling.VOUCHER_USE, Phase.DONE): "voucher_spent", (CARD_CLOSE, Phase.DONE): "card_closed_into_wallet",
}
_BY_REASON: Mapping[str, str] = {
    "CANCEL_DAILY_CAP": "cancel_capped", "FIRST_REDEMPTION_CAP": "redeemer_refused",
    "REDEEMER_RESTRICTED": "redeemer_refused",
}


def saw(world: "World", transaction: "Transaction") -> None:
    """What became of the sagas of a transaction."""
    note = world.reached.note
    for run in transaction.admission.effects.dirty.get(Run, {}).values():
        assert isinstance(run, Run)
        began, _ = world.lifetimes.get(run.id, (world.agenda.now, 0))
        world.lifetimes[run.id] = began, world.agenda.now
        if run.attempts:
            note("saga_resent")
        if run.reason == "DEADLINE_EXCEEDED" and run.phase is Phase.CANCELLING:
            note("saga_deadline")
        if run.terminal:
            _whole(world, run)
            _counted(world, run)


def _whole(world: "World", run: Run) -> None:
    two = len(run.branches) > 1
    for branch in run.branches:
        inbox = world.stores[branch.service].inbox
        tried = inbox.get(f"{run.id}/{Op.TRY}")
        second = inbox.get(f"{run.id}/{Op.CONFIRM if run.phase is Phase.DONE else Op.CANCEL}")
        done = tried is not None and tried.verdict is Verdict.DONE
        if run.phase is Phase.DONE:
            true = done and (not two or (second is not None and second.verdict is Verdict.DONE))
        else:
            true = tried is not None and (not done if not two else second is not None)
        if not true:
            world.fail("half", f"{run.kind} {run.id} is {run.phase}, and {branch.service} says otherwise")


def _counted(world: "World", run: Run) -> None:
    note = world.reached.note
    if len(run.branches) > 1:
        note("two_phase" if run.phase is Phase.DONE else "two_phase_aborted")
        if run.phase is Phase.ABORTED and run.reason not in ("DEADLINE_EXCEEDED", "PARKED", "TOMBSTONED"):
            note("refused_by_one_of_two")
    elif run.phase is Phase.ABORTED:
        note("delegated_refusal")
    for named in (_BY_END.get((run.kind, run.phase)), _BY_REASON.get(run.reason)):
        if named:
            note(named)
    if run.kind == Kind.CANCELLATION and run.plan.expired:
        note("hold_expired")
