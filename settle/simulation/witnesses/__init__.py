"""What is seen of every transaction as it happens: promises that hold at each instant, and what was reached."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from services.kernel.decision import Aggregate
from services.kernel.effects import ToLoad
from services.kernel.messages import Op
from services.kernel.saga import Verdict
from settle.simulation.services import CARD_REDEMPTION, CREDIT_LEDGER, ORDER
from settle.simulation.store import Store
from settle.simulation.witnesses import claims, ends, ledger, orders, redemptions, stopping

if TYPE_CHECKING:
    from settle.simulation.transaction import Transaction
    from settle.simulation.world import World

_SECOND_PHASE = (Op.CONFIRM, Op.CANCEL)
_OF_SERVICE: Mapping[str, Callable[["World", Store, "Transaction"], None]] = {
    ORDER: orders.saw, CREDIT_LEDGER: ledger.saw, CARD_REDEMPTION: redemptions.saw,
}


class Witness:
    """Looks at every transaction of every service."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._versions: dict[type, dict[str, int]] = {}

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
            self._moved(kind, changed)
        for item, _ in effects.busy:
            note("cut_under_a_claim" if ledger.is_cut(item) else "claim_met")
        if effects.woken:
            note("claim_ended_elsewhere" if transaction.aboard.awake else "claim_ended_here", len(effects.woken))
        for item, error in effects.faulty:
            note("parked_follower" if "FOLLOWS_PARKED" in str(error) else "parked")
            world.story.note(store.name, f"set {item.message.fresh_id} aside: {error!r}")
            if not _expected(error):
                world.fail("defect", f"{store.name} could not decide {item.message.body!r}: {error!r}")
        if effects.passed_over:
            note("passed_over", len(effects.passed_over))
        claims.saw(world, store, transaction)
        stopping.saw(world, transaction)
        ends.saw(world, transaction)
        _OF_SERVICE[store.name](world, store, transaction)

    def _moved(self, kind: type, changed: Mapping[str, Aggregate]) -> None:
        versions = self._versions.setdefault(kind, {})
        for key, row in changed.items():
            before, version = versions.get(key, 0), row.version
            if version < before:
                self._world.fail("monotonic", f"{kind.__name__} {key} went from version {before} to {version}")
            versions[key] = version


def _expected(error: Exception) -> bool:
    """Whether it is the world that is at fault: what was damaged on its way, and what stands behind it."""
    return type(error).__name__ == "Undecodable" or "UNKNOWN_TRY" in str(error)
