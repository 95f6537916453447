"""ExplainSettlement: the chain of a settlement from its lines to its instalments, as data and as text (U2)."""

from services.kernel.errors import NotFound
from services.order.domain.explanation import Step, explain
from services.order.domain.texts import text
from services.order.store.reads import find_order, find_run
from services.order.wire.settlements import effect_message
from services.runtime.ground.scalars import money_field
from services.runtime.ground.tables import Connection
from settlement.common.v1 import explanation_pb2
from settlement.order.v1 import order_service_pb2


async def explained(connection: Connection, settlement_id: str) -> order_service_pb2.ExplainSettlementResponse:
    """The whole chain; the credit ledger's part is there once it has answered."""
    run = await find_run(connection, settlement_id)
    order = await find_order(connection, run.root) if run is not None else None
    if run is None or order is None:
        raise NotFound("SETTLEMENT_NOT_FOUND", f"there is no settlement {settlement_id}")
    steps = [step_message(step) for step in explain(order, run.plan)]
    effect = effect_message(run)
    steps.extend(effect.steps if effect is not None else ())
    told = [tell(step) for step in steps]
    return order_service_pb2.ExplainSettlementResponse(
        steps=told, text_zh="\n".join(step.text_zh for step in told), text_en="\n".join(step.text_en for step in told),
        amount=money_field(run.plan.money.amount_minor),
    )


def step_message(step: Step) -> explanation_pb2.ExplanationStep:
    """One step of an explanation as data, without its words."""
    return explanation_pb2.ExplanationStep(
        rule=step.rule, subject=step.subject, formula=step.formula, inputs=step.inputs, amount_minor=step.amount_minor,
        parts=[
            explanation_pb2.ExplanationPart(no=part.no, weight=part.weight, amount_minor=part.amount_minor)
            for part in step.parts
        ],
    )


def tell(step: explanation_pb2.ExplanationStep) -> explanation_pb2.ExplanationStep:
    """The step with its words."""
    parts = [(part.no, part.amount_minor) for part in step.parts]
    step.text_zh, step.text_en = text(
        rule=step.rule, subject=step.subject, formula=step.formula, amount_minor=step.amount_minor, inputs=step.inputs,
        parts=parts,
    )
    return step
