"""Orders as they move: answers that nobody awaits any more, and what time did."""

from typing import TYPE_CHECKING

from services.kernel.messages import Op
from services.kernel.saga import Reply, Run
from services.order.domain.returns import AUTO_APPROVE, ReturnCase
from settle.simulation.store import Store

if TYPE_CHECKING:
    from settle.simulation.transaction import Transaction
    from settle.simulation.world import World


def saw(world: "World", store: Store, transaction: "Transaction") -> None:
    """What of the rare things of orders is in a transaction."""
    changed, note = transaction.admission.effects.dirty, world.reached.note
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
