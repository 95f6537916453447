"""The settlements that the order service coordinates: who takes part, and what their ends mean for the order.

`launch` begins one; `ended` applies the end of one to its order, in the decision that made it terminal.
"""

from collections.abc import Mapping
from datetime import datetime

from services.kernel.advancing import begin
from services.kernel.coordination import Definitions
from services.kernel.decision import Known
from services.kernel.errors import Defect
from services.kernel.saga import Phase, Progress, Run
from services.order.domain.order import Order
from services.order.domain.plans import Plan
from services.order.domain.states import Kind
from services.order.sagas import (
    cancellation,
    capture,
    deposit_return,
    merchant_settlement,
    placement,
    refund,
    refund_reversal,
)
from services.order.sagas.ending import Ended, Ending

ENDINGS: Mapping[str, Ending] = {
    Kind.PLACEMENT: placement.ENDING,
    Kind.CAPTURE: capture.ENDING,
    Kind.CANCELLATION: cancellation.ENDING,
    Kind.REFUND: refund.ENDING,
    Kind.REFUND_REVERSAL: refund_reversal.ENDING,
    Kind.DEPOSIT_RETURN: deposit_return.ENDING,
}

DEFINITIONS = Definitions(
    *(definition for ending in ENDINGS.values() for definition in (*ending.earlier, ending.definition)),
    merchant_settlement.DEFINITION,
)
"""All sagas that the order service coordinates; a settlement with a merchant has no order to apply its end to."""


def launch(saga_id: str, order: Order, plan: Plan, now: datetime) -> Progress:
    """Begin a settlement. One that moves no money has no participant: it is done at once (PR-6)."""
    definition = DEFINITIONS.latest(plan.kind)
    if not plan.money.empty:
        return begin(definition, saga_id, order.id, plan, now)
    run = Run(
        id=saga_id, root=order.id, kind=plan.kind, definition_version=definition.version, phase=Phase.DONE, plan=plan,
        branches=(), started_at=now, deadline_at=now, decision="COMMIT", updated_at=now,
    )
    return Progress(run, ended=True)


def ended(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """What the end of a settlement does to its order: everything but the run itself."""
    if order.settlement_id not in ("", run.id):
        raise Defect(f"{run.id} ends on {order.id}, which {order.settlement_id} holds")
    ending = ENDINGS[run.kind]
    return (ending.done if run.phase is Phase.DONE else ending.aborted)(known, order, run, now)
