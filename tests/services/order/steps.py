"""The steps of an explanation computed again, as whoever doubts a settlement would do it (U2)."""

from services.kernel.allocation import split
from services.kernel.errors import Defect
from services.kernel.money import half_up
from services.order.domain.explanation import Step


def evaluate(step: Step) -> tuple[int, tuple[int, ...]]:
    """The amount and the parts of a step, computed again from its formula, inputs and weights."""
    weights = tuple(part.weight for part in step.parts)
    match step.formula:
        case "given":
            return step.inputs[0], ()
        case "sum":
            return sum(step.inputs), ()
        case "less":
            return step.inputs[0] - step.inputs[1], ()
        case "at_most":
            return min(step.inputs), ()
        case "product":
            return step.inputs[0] * step.inputs[1], ()
        case "split_first":
            parts = split(step.inputs[0], weights)
            return sum(parts), parts
        case "unit_value":
            basis, units, before, quantity, done = step.inputs
            return max(0, basis * (before + quantity) // units - done), ()
        case "coupon_share":
            coupon, total, done, before = step.inputs
            return max(0, half_up(coupon * done, total) - before), ()
    raise Defect(f"no formula {step.formula}")


def holds(step: Step) -> bool:
    """Whether the step evaluates to what it says."""
    return evaluate(step) == (step.amount_minor, tuple(part.amount_minor for part in step.parts))
