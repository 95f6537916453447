"""What a refund does to the fees of a plan (FE-1 to FE-4, P17 to P19). Late fees are never touched (FE-3)."""

from typing import NamedTuple

from services.credit_ledger.domain.agreement import Plan
from services.credit_ledger.domain.effects import Part, Step
from services.credit_ledger.domain.instalment import Instalment
from services.credit_ledger.domain.terms import CreditTerms
from services.kernel.money import half_up


class FeeChange(NamedTuple):
    """The instalments with their new fees, and where the difference goes: `reversed_minor` was billed and unpaid,
    `back_minor` was paid, `earned_minor` falls due now although its bill is still to come."""

    instalments: tuple[Instalment, ...]
    reversed_minor: int
    back_minor: int
    earned_minor: int
    steps: tuple[Step, ...]


def reprice(plan: Plan, terms: CreditTerms, free: bool) -> FeeChange:
    """The fees of a plan whose principal, `refunded_minor` and `weighted_minor` already tell of the refund."""
    return _deferral(plan, terms) if terms.deferred else _instalments(plan, free)


def flat_fee(fee: int, principal: int, term_days: int, refunded: int, weighted: int) -> int:
    """FE-2: what is earned of a flat fee over T days; `weighted` is the sum of each refund times its elapsed day."""
    return half_up(fee * ((principal - refunded) * term_days + weighted), principal * term_days)


def instalment_fee(fee: int, principal: int, refunded: int) -> int:
    """FE-4: an unpaid instalment fee falls in proportion to the credit that was refunded."""
    return half_up(fee * (principal - refunded), principal)


def _instalments(plan: Plan, free: bool) -> FeeChange:
    """FE-1 for a full refund in the free period, FE-4 for all others."""
    full = plan.refunded_minor == plan.principal_minor
    if full and free:
        waived = tuple(item._replace(fee_minor=0, fee_paid_minor=0) for item in plan.instalments)
        step = Step("FE-1", "none", 0, (), tuple(Part(item.no, item.fee_minor, 0) for item in plan.instalments))
        unpaid = sum(item.fee_due_minor for item in plan.instalments)
        return FeeChange(waived, unpaid, sum(item.fee_paid_minor for item in plan.instalments), 0, (step,))
    items, parts, reversed_minor = [], [], 0
    priced: dict[int, int] = {}
    for item in plan.instalments:
        if item.billed and item.fee_paid_minor == item.fee_minor:
            items.append(item)
            continue
        if full or (not item.billed and not item.outstanding_minor):
            fee = 0
        else:
            fee = priced.get(item.fee_initial_minor, -1)
            if fee < 0:
                fee = instalment_fee(item.fee_initial_minor, plan.principal_minor, plan.refunded_minor)
                priced[item.fee_initial_minor] = fee
            parts.append(Part(item.no, item.fee_initial_minor, fee))
        fee = max(fee, item.fee_paid_minor)
        if item.billed:
            reversed_minor += item.fee_minor - fee
        items.append(item._replace(fee_minor=fee))
    step = Step("FE-4", "fee", sum(part.amount_minor for part in parts), (plan.principal_minor, plan.refunded_minor), tuple(parts))
    return FeeChange(tuple(items), reversed_minor, 0, 0, (step,) if parts else ())


def _deferral(plan: Plan, terms: CreditTerms) -> FeeChange:
    """FE-2; the earned part of a fee that is not billed yet falls due at once when the whole credit is refunded (P19)."""
    (item,) = plan.instalments
    days = terms.term_days
    fee = flat_fee(plan.flat_fee_minor, plan.principal_minor, days, plan.refunded_minor, plan.weighted_minor)
    inputs = (plan.flat_fee_minor, plan.principal_minor, days, plan.refunded_minor, plan.weighted_minor)
    steps = (Step("FE-2", "flat_fee", fee, inputs),) if plan.flat_fee_minor else ()
    back = max(0, item.fee_paid_minor - fee)
    if item.billed:
        changed = item._replace(fee_minor=fee, fee_paid_minor=item.fee_paid_minor - back)
        return FeeChange((changed,), item.fee_minor - fee - back, back, 0, steps)
    if plan.refunded_minor == plan.principal_minor and fee:
        return FeeChange((item._replace(fee_minor=fee, billed=True),), 0, 0, fee, steps)
    return FeeChange((item._replace(fee_minor=fee),), 0, 0, 0, steps)
