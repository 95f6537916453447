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
            yield from _value(value)
        due = tuple(value.due_minor for value in plan.lines)
        yield from _at_most(Step("CR-4", "amount", "sum", sum(due), due), amount)
    elif isinstance(plan, RefundPlan) and plan.given_back_of:
        withheld = tuple(each.amount_minor for each in plan.given_back)
        yield from _at_most(Step("PR-9", "given_back", "sum", sum(withheld), withheld), amount)
    elif isinstance(plan, RefundPlan) and plan.reduced_line:
        yield Step("PR-8", f"line:{plan.reduced_line}", "given", amount, (amount,))
    else:
        yield Step("PR-1", "amount", "given", amount, (amount,))
    if amount:
        yield _tenders(plan)
    if isinstance(plan, RefundPlan) and plan.coupon_basis[1] and plan.coupon_basis[0]:
        yield Step("A24", "coupon", "coupon_share", plan.money.coupon_minor, plan.coupon_basis)


def _value(value: LineValue) -> Iterator[Step]:
    """What units of a line come to: what was paid less price reductions, their part of it, less what is deducted."""
    if value.reduced_minor:
        paid = value.basis_minor + value.reduced_minor
        yield Step("PR-8", f"reduced:{value.id}", "less", value.basis_minor, (paid, value.reduced_minor))
    inputs = (value.basis_minor, value.units, value.before, value.quantity, value.done_minor)
    yield Step("CV-7", f"line:{value.id}", "unit_value", value.amount_minor, inputs)
    if value.deducted_minor:
        worth = value.amount_minor, value.deducted_minor
        yield Step("PR-9", f"deducted:{value.id}", "less", value.due_minor, worth)


def _at_most(due: Step, amount_minor: int) -> Iterator[Step]:
    """What is due, and what of it is paid where less was left of the order (PR-9)."""
    yield due
    if amount_minor < due.amount_minor:
        yield Step("PR-9", "amount", "at_most", amount_minor, (due.amount_minor, amount_minor))


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
