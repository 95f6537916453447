"""What a refund does to the fees of a plan (FE-1 to FE-4, P17 to P19). Late fees are never touched (FE-3)."""

from collections.abc import Sequence
from typing import NamedTuple

from services.credit_ledger.domain.model.agreement import Plan
from services.credit_ledger.domain.model.effects import Step
from services.credit_ledger.domain.model.terms import CreditTerms
from services.kernel.money import half_up


class FeeChange(NamedTuple):
    """The new fee of each instalment and what of it is paid, and where the difference goes: `reversed_minor` was billed
    and unpaid, `back_minor` was paid, `earned_minor` falls due now although its bill is still to come."""

    fees: tuple[int, ...]
    paid: tuple[int, ...]
    reversed_minor: int = 0
    back_minor: int = 0
    earned_minor: int = 0
    steps: tuple[Step, ...] = ()


class Refunded(NamedTuple):
    """How far a plan is refunded, this refund included: ΣR, Σ R_i x e_i, and whether this one is in the free period."""

    credit_minor: int
    weighted_minor: int
    free: bool


def reprice(plan: Plan, terms: CreditTerms, refunded: Refunded, unpaid: Sequence[int]) -> FeeChange:
    """The fees of a plan; its instalments are as before the refund, `unpaid` is their principal after it."""
    if terms.deferred:
        return _deferral(plan, terms, refunded)
    if refunded.free and refunded.credit_minor == plan.principal_minor:
        return _all_back(plan)
    return _in_proportion(plan, refunded.credit_minor, unpaid)


def flat_fee(fee: int, principal: int, term_days: int, refunded: int, weighted: int) -> int:
    """What is earned of a flat fee over T days; `weighted` is the sum of each refund times its elapsed day (FE-2)."""
    return half_up(fee * ((principal - refunded) * term_days + weighted), principal * term_days)


def instalment_fee(fee: int, principal: int, refunded: int) -> int:
    """An unpaid instalment fee falls in proportion to the credit that was refunded (FE-4)."""
    return half_up(fee * (principal - refunded), principal)


def _all_back(plan: Plan) -> FeeChange:
    """A full refund in the free period leaves no fee, and what was paid of one comes back (FE-1)."""
    nothing = (0,) * len(plan.instalments)
    step = Step(
        rule="FE-1", formula="none", amount_minor=0, numbers=tuple(item.no for item in plan.instalments),
        weights=tuple(item.fee_minor for item in plan.instalments), amounts=nothing,
    )
    return FeeChange(
        fees=nothing, paid=nothing, reversed_minor=sum(item.fee_due_minor for item in plan.instalments),
        back_minor=sum(item.fee_paid_minor for item in plan.instalments), steps=(step,),
    )


def _in_proportion(plan: Plan, refunded: int, unpaid: Sequence[int]) -> FeeChange:
    """A billed fee that is paid stays; one of an unbilled instalment that owes nothing any more goes; no fee falls
    below what was paid of it; all other fees fall in proportion, to 0 with a full refund (FE-4)."""
    fees, told, reversed_minor = [], [], 0
    priced: dict[int, int] = {}
    for item, owes in zip(plan.instalments, unpaid, strict=True):
        if item.billed and item.fee_paid_minor == item.fee_minor:
            fees.append(item.fee_minor)
            continue
        lower = 0
        if owes or item.billed:
            first = item.fee_initial_minor
            if first not in priced:
                priced[first] = instalment_fee(first, plan.principal_minor, refunded)
            lower = priced[first]
            told.append((item.no, first, lower))
        if item.billed:
            lower = max(lower, item.fee_paid_minor)
            reversed_minor += item.fee_minor - lower
        fees.append(lower)
    steps: tuple[Step, ...] = ()
    if told:
        numbers, weights, amounts = zip(*told, strict=True)
        steps = (Step(
            rule="FE-4", formula="fee", amount_minor=sum(amounts), inputs=(plan.principal_minor, refunded),
            numbers=numbers, weights=weights, amounts=amounts,
        ),)
    paid = tuple([item.fee_paid_minor for item in plan.instalments])
    return FeeChange(fees=tuple(fees), paid=paid, reversed_minor=reversed_minor, steps=steps)


def _deferral(plan: Plan, terms: CreditTerms, refunded: Refunded) -> FeeChange:
    """The earned part of a fee that is not billed yet falls due
    at once when the whole credit is refunded (FE-2, P19)."""
    (item,) = plan.instalments
    principal = plan.principal_minor
    inputs = (plan.flat_fee_minor, principal, terms.term_days, refunded.credit_minor, refunded.weighted_minor)
    fee = flat_fee(*inputs)
    steps = (Step("FE-2", "flat_fee", fee, inputs),) if plan.flat_fee_minor else ()
    back = max(0, item.fee_paid_minor - fee)
    if item.billed:
        return FeeChange(
            fees=(fee,), paid=(item.fee_paid_minor - back,), reversed_minor=item.fee_minor - fee - back,
            back_minor=back, steps=steps,
        )
    return FeeChange(
        fees=(fee,), paid=(0,), earned_minor=fee if refunded.credit_minor == principal else 0, steps=steps
    )
