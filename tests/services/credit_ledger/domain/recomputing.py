"""The steps of a refund computed again from their inputs, and in the words that the order service has for them (U2)."""

from services.credit_ledger.domain.model.effects import Step
from services.credit_ledger.domain.model.terms import Strategy
from services.credit_ledger.domain.refunds import fees
from services.credit_ledger.domain.refunds.strategies import reduce_by
from services.kernel.allocation import in_order
from services.kernel.money import yuan
from services.order.domain.texts import Text, text


def holds(step: Step) -> bool:
    """Whether the step, computed again from its rule, inputs and weights, gives the same amount and the same parts."""
    return evaluate(step) == (step.amount_minor, step.amounts)


def evaluate(step: Step) -> tuple[int, tuple[int, ...]]:
    """The amount and the parts of a step, computed again."""
    match step.formula:
        case "sum":
            return sum(step.inputs), ()
        case "rest":
            return step.inputs[0] - step.inputs[1], ()
        case "flat_fee":
            return fees.flat_fee(*step.inputs), ()
        case _:
            parts = _parts(step)
            return sum(parts), parts


def words(step: Step) -> Text:
    """The step as the order service tells it to a customer; a rule that it would tell by its name alone has none."""
    parts = [(part.no, part.amount_minor) for part in step.parts]
    told = text(
        step.rule, subject="", formula=step.formula, amount_minor=step.amount_minor, inputs=step.inputs, parts=parts
    )
    assert told.en != f"{step.rule}: {yuan(step.amount_minor)}", f"no words for {step.rule}"
    return told


def _parts(step: Step) -> tuple[int, ...]:
    weights = step.weights
    match step.formula:
        case "all":
            return weights
        case "none":
            return (0,) * len(weights)
        case "in_order":
            return in_order(step.inputs[0], weights)
        case "fee":
            return tuple(fees.instalment_fee(weight, *step.inputs) for weight in weights)
        case strategy:
            return reduce_by(Strategy(strategy), step.inputs[0], weights)
