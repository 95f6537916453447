"""What is seen of every transaction as it happens: moves, promises that hold at each instant, and what was reached."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from services.credit_ledger.domain.model.books import MERCHANT_RECEIVABLE
from services.credit_ledger.domain.model.commands import CutStatement, ReverseRefund
from services.credit_ledger.domain.model.leg import LegState, RefundLeg
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.refund import CreditRefund
from services.credit_ledger.domain.model.refund import RefundState as CreditState
from services.credit_ledger.domain.statements.cut import CUT_TIMER
from services.kernel.effects import ToLoad
from services.kernel.messages import Op
from services.kernel.notices import Notice
from services.kernel.saga import Phase, Reply, Run, Verdict
from services.order.domain.returns import AUTO_APPROVE, ReturnCase
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
                    over = any(f"{saga.saga_id}/{op}" in store.inbox for op in _SECOND_PHASE)
                    if tried.verdict is Verdict.DONE and not over:
                        note("tried_twice_under_claim")
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
        for item, _ in effects.busy:
            due = item.timer is not None and item.timer.kind == CUT_TIMER
            note("cut_under_a_claim" if due else "claim_met")
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
            self._of_ledger(store, transaction)
        elif store.name == "order":
            self._of_orders(store, transaction)

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

    def _of_orders(self, store: Store, transaction: "Transaction") -> None:
        """Answers that nobody awaits any more, and what time did."""
        changed, note = transaction.admission.effects.dirty, self._world.reached.note
        for item in transaction.items:
            body = item.message.body
            if isinstance(body, Reply) and body.saga_id not in changed.get(Run, {}):
                run = store.rows[Run].get(body.saga_id)
                late = body.op is Op.TRY and run is not None and run.decision == "ABORT"
                note("late_try_answer" if late else "duplicate_reply")
            elif item.timer is not None and item.timer.kind == AUTO_APPROVE and item.timer.key in changed.get(
                ReturnCase, {}
            ):
                note("return_by_time")

    def _of_ledger(self, store: Store, transaction: "Transaction") -> None:
        effects, note = transaction.admission.effects, self._world.reached.note
        logged: list[Any] = list(effects.dirty.get(Operation, {}).values())  # Any: operations
        cuts = [row for row in logged if isinstance(row.body, CutStatement)]
        for row in logged:
            if isinstance(row.body, ReverseRefund) and self._over_a_cut(store, row):
                note("reversal_over_a_cut")
        for refund in effects.dirty.get(CreditRefund, {}).values():
            if refund.state is CreditState.EXCEPTION:  # type: ignore[attr-defined]
                note("flash_expired")
        for posted in effects.journals:
            if any(line.account == MERCHANT_RECEIVABLE and line.amount_minor > 0 for line in posted.journal.lines):
                note("merchant_clawed_back")
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


    def _over_a_cut(self, store: Store, reversal: Operation) -> bool:
        """Whether a statement was cut between a refund and its reversal."""
        log = [row for row in store.family_of(Operation, reversal.account_id) if row.number < reversal.number]
        refund_id = reversal.body.refund_id if isinstance(reversal.body, ReverseRefund) else ""
        since = next((row.number for row in log if row.reference == refund_id), reversal.number)
        return any(isinstance(row.body, CutStatement) and row.number > since for row in log)


_BY_END: Mapping[tuple[str, Phase], str] = {
    (Kind.PLACEMENT, Phase.ABORTED): "placed_and_rejected", (Kind.DEPOSIT_RETURN, Phase.DONE): "deposit_returned",
    ("merchant_settlement", Phase.DONE): "merchant_settled",
}


def _expected(item: Item, error: Exception) -> bool:
    """Whether it is the world that is at fault: what was damaged on its way, and what stands behind it."""
    return type(error).__name__ == "Undecodable" or "UNKNOWN_TRY" in str(error)


