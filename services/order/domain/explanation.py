"""Why every fen of a settlement went where it went, as steps that can be computed again: line, discount tier, tender.

The credit ledger adds the steps from tender to instalment; together they are the whole chain (U2).
"""

from collections.abc import Iterator
from typing import NamedTuple

from services.order.domain.lines import LineValue
from services.order.domain.order import Order
from services.order.domain.plans import CancellationPlan, CapturePlan, Plan, RefundPlan
from services.order.domain.pricing import tiers


class Part(NamedTuple):
    """One share of a step: which line or tender (from 1), what it was weighed by, what it got."""

    no: int
    weight: int
    amount_minor: int


class Step(NamedTuple):
    """One link of the chain: this rule made `amount_minor`, and these parts, of these inputs."""

    rule: str
    subject: str
    formula: str
    amount_minor: int
    inputs: tuple[int, ...] = ()
    parts: tuple[Part, ...] = ()


def explain(order: Order, plan: Plan) -> tuple[Step, ...]:
    """The chain of a settlement down to its tenders."""
    return tuple(_steps(order, plan))


def _steps(order: Order, plan: Plan) -> Iterator[Step]:
    amount = plan.money.amount_minor
    if isinstance(plan, RefundPlan | CapturePlan | CancellationPlan) and plan.lines:
        yield from _prices(order, plan.lines)
        for value in plan.lines:
            inputs = (value.basis_minor, value.units, value.before, value.quantity, value.done_minor)
            yield Step("CV-7", f"line:{value.id}", "unit_value", value.amount_minor, inputs)
        yield Step("CR-4", "amount", "sum", amount, tuple(value.amount_minor for value in plan.lines))
    else:
        yield Step("PR-1", "amount", "given", amount, (amount,))
    if amount:
        yield _tenders(plan)
    if isinstance(plan, RefundPlan) and plan.coupon_basis[1] and plan.coupon_basis[0]:
        yield Step("A24", "coupon", "coupon_share", plan.money.coupon_minor, plan.coupon_basis)


def _tenders(plan: Plan) -> Step:
    parts = tuple(
        Part(no, share.weight_minor, share.amount_minor) for no, share in enumerate(plan.money.shares, 1)
    )
    amount = plan.money.amount_minor
    return _split("PR-4", "tenders", amount, parts)


def _split(rule: str, subject: str, amount_minor: int, parts: tuple[Part, ...]) -> Step:
    return Step(
        rule=rule, subject=subject, formula="split_first", amount_minor=amount_minor, inputs=(amount_minor,),
        parts=parts,
    )


def _prices(order: Order, values: tuple[LineValue, ...]) -> Iterator[Step]:
    """How the lines in question came to their price: units times price, then each promotion that covers one of them."""
    asked = {value.id for value in values}
    indexes = {index for index, line in enumerate(order.lines) if line.id in asked}
    for index in sorted(indexes):
        line = order.lines[index]
        amount = line.quantity * line.unit_price_minor
        yield Step("CR-4", f"price:{line.id}", "product", amount, (line.quantity, line.unit_price_minor))
    amounts = [line.quantity * line.unit_price_minor for line in order.lines]
    for number, tier in enumerate(tiers(amounts, order.promotions)):
        if indexes & set(tier.lines):
            taken = zip(tier.lines, tier.before_minor, tier.off_minor, strict=True)
            parts = tuple(Part(index + 1, before, off) for index, before, off in taken)
            amount = order.promotions[number].amount_minor
            yield _split("PR-3", f"promotion:{number}", amount, parts)
