"""What is seen of every transaction as it happens: moves, promises that hold at each instant, and what was reached."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from services.credit_ledger.domain.model.commands import CutStatement
from services.credit_ledger.domain.model.leg import LegState, RefundLeg
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.statements.cut import CUT_TIMER
from services.kernel.effects import ToLoad
from services.kernel.messages import Op
from services.kernel.notices import Notice
from services.kernel.saga import Phase, Run, Verdict
from services.order.domain.states import Kind
from services.runtime.lanes.item import Item
from settle.simulation.store import Store

if TYPE_CHECKING:
    from settle.simulation.transaction import Transaction
    from settle.simulation.world import World

_SECOND_PHASE = (Op.CONFIRM, Op.CANCEL)


class Witness:
    """Looks at every transaction of every service."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._versions: dict[tuple[type, str], int] = {}

    def looked(self, store: Store, transaction: "Transaction", wanted: ToLoad) -> None:
        """Locked and loaded: what messages find that others have left."""
        admission, note = transaction.admission, self._world.reached.note
        for item in transaction.items:
            message, saga = item.message, item.message.saga
            if item.timer is not None and (item.timer.kind, item.timer.key) not in admission.due:
                note("timer_twice")
            elif saga is not None:
                tried = admission.stored.get(f"{saga.saga_id}/{Op.TRY}")
                if saga.op is Op.CANCEL and tried is None:
                    note("cancel_before_try")
                elif saga.op is Op.TRY and tried is not None:
                    note("try_after_tombstone" if tried.verdict is Verdict.TOMBSTONED else "duplicate_command")
                elif f"{saga.saga_id}/{saga.op}" in admission.stored:
                    note("duplicate_command")
            elif message.notice and message.id in admission.stored:
                note("duplicate_notice")

    def committed(self, store: Store, transaction: "Transaction") -> None:
        """It is true now."""
        effects, world = transaction.admission.effects, self._world
        note = world.reached.note
        for kind, changed in effects.dirty.items():
            for row in changed.values():
                self._moved(kind, row)
        for _ in effects.busy:
            note("claim_met")
        if effects.woken:
            note("claim_ended_elsewhere" if transaction.aboard.awake else "claim_ended_here", len(effects.woken))
        for item, error in effects.faulty:
            note("parked_follower" if "FOLLOWS_PARKED" in str(error) else "parked")
            world.story.note(store.name, f"set {item.message.fresh_id} aside: {error!r}")
            if not _expected(item, error):
                world.fail("defect", f"{store.name} could not decide {item.message.body!r}: {error!r}")
        if effects.passed_over:
            note("passed_over", len(effects.passed_over))
        for run in effects.dirty.get(Run, {}).values():
            self._of_run(store, run, transaction)
        if store.name == "credit_ledger":
            self._of_ledger(transaction)

    def _moved(self, kind: type, row: Any) -> None:  # Any: a row of any kind
        before = self._versions.get((kind, row.key), 0)
        if row.version < before:
            self._world.fail("monotonic", f"{kind.__name__} {row.key} went from version {before} to {row.version}")
        self._versions[kind, row.key] = row.version

    def _of_run(self, store: Store, run: Any, transaction: "Transaction") -> None:  # Any: a Run
        note = self._world.reached.note
        if run.attempts:
            note("saga_resent")
        if run.reason == "DEADLINE_EXCEEDED" and run.phase is Phase.CANCELLING:
            note("saga_deadline")
        if not run.terminal:
            return
        self._ended(run)

    def _ended(self, run: Run) -> None:
        """Nobody reads a half: what its coordinator calls done or undone is that at every participant."""
        note, two = self._world.reached.note, len(run.branches) > 1
        for branch in run.branches:
            inbox = self._world.stores[branch.service].inbox
            tried = inbox.get(f"{run.id}/{Op.TRY}")
            second = inbox.get(f"{run.id}/{Op.CONFIRM if run.phase is Phase.DONE else Op.CANCEL}")
            done = tried is not None and tried.verdict is Verdict.DONE
            if run.phase is Phase.DONE:
                true = done and (not two or (second is not None and second.verdict is Verdict.DONE))
            else:
                true = tried is not None and (not done if not two else second is not None)
            if not true:
                self._world.fail("half", f"{run.kind} {run.id} is {run.phase}, and {branch.service} says otherwise")
        if two:
            note("two_phase" if run.phase is Phase.DONE else "two_phase_aborted")
            if run.phase is Phase.ABORTED and run.reason not in ("DEADLINE_EXCEEDED", "PARKED", "TOMBSTONED"):
                note("refused_by_one_of_two")
        elif run.phase is Phase.ABORTED:
            note("delegated_refusal")
        named = _BY_END.get((run.kind, run.phase))
        if named:
            note(named)
        if run.kind == Kind.CANCELLATION and run.plan.expired:
            note("hold_expired")

    def _of_ledger(self, transaction: "Transaction") -> None:
        effects, note = transaction.admission.effects, self._world.reached.note
        cuts = [row for row in effects.dirty.get(Operation, {}).values() if isinstance(row.body, CutStatement)]  # type: ignore[attr-defined]
        if cuts:
            by_timer = any(item.timer is not None and item.timer.kind == CUT_TIMER for item in transaction.items)
            note("cut_on_time" if by_timer else "cut_by_a_decision", len(cuts))
        for leg in effects.dirty.get(RefundLeg, {}).values():
            if leg.state is LegState.RECALLED:  # type: ignore[attr-defined]
                note("leg_recalled")
        for notice in effects.dirty.get(Notice, {}).values():
            if notice.attempts:  # type: ignore[attr-defined]
                note("notice_repeated")
            if notice.place > 1 and notice.version == 1:  # type: ignore[attr-defined]
                note("notice_waited")


_BY_END: Mapping[tuple[str, Phase], str] = {
    (Kind.PLACEMENT, Phase.ABORTED): "placed_and_rejected", (Kind.DEPOSIT_RETURN, Phase.DONE): "deposit_returned",
    ("merchant_settlement", Phase.DONE): "merchant_settled",
}


def _expected(item: Item, error: Exception) -> bool:
    """Whether it is the world that is at fault: what was damaged on its way, and what stands behind it."""
    return type(error).__name__ == "Undecodable" or "UNKNOWN_TRY" in str(error)


