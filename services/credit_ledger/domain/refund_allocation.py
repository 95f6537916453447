"""The credit share of a refund against one agreement: principal, then fees (RA-1 to RA-4, PR-1, FE-1 to FE-4).

Pure arithmetic on the agreement alone. What is left over is the surplus, spent in `surplus`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from services.credit_ledger.domain import books, refund_fees
from services.credit_ledger.domain.agreement import Agreement, AgreementState, Plan
from services.credit_ledger.domain.books import Lines
from services.credit_ledger.domain.effects import Part, Step
from services.credit_ledger.domain.instalment import Instalment
from services.credit_ledger.domain.strategies import Parts, overdue_first
from services.credit_ledger.domain.terms import CreditTerms, Strategy
from services.kernel.allocation import in_order
from services.kernel.calendar import business_date, elapsed_days


@dataclass(frozen=True, slots=True)
class Allocation:
    """The agreement after a refund of its credit share, and every fen of the share by where it went."""

    agreement: Agreement
    billed_minor: int
    unbilled_minor: int
    recovered_minor: int
    fee_back_minor: int
    fee_reversed_minor: int
    fee_earned_minor: int
    surplus_minor: int
    steps: tuple[Step, ...]

    @property
    def principal_minor(self) -> int:
        """The unpaid principal that is no longer owed."""
        return self.billed_minor + self.unbilled_minor

    def refund_lines(self) -> Lines:
        """The lines of the `refund` journal for principal, recovery and paid fees (P10, P11, P18, P25)."""
        owner = self.agreement.account_id
        return (
            (books.LOAN_BILLED, owner, -self.billed_minor), (books.LOAN_UNBILLED, owner, -self.unbilled_minor),
            (books.WRITE_OFF, "", -self.recovered_minor),
            (books.fee_income(self.agreement.terms.deferred), "", self.fee_back_minor),
        )

    def fee_lines(self) -> Lines:
        """The lines of the `fee_adjust` journal (P17, P19)."""
        moved = self.fee_earned_minor - self.fee_reversed_minor
        return (
            (books.LOAN_FEE, self.agreement.account_id, moved),
            (books.fee_income(self.agreement.terms.deferred), "", -moved),
        )


class Reduction(NamedTuple):
    """What each instalment gives up: unpaid principal, and principal that was written off (P25)."""

    principal: Parts
    recovered: Parts
    steps: tuple[Step, ...]


def allocate(agreement: Agreement, credit_minor: int, posted_at: datetime) -> Allocation:
    """Apply the credit share of a refund. More than all that is outstanding clears all of it; the rest is surplus."""
    items = _in_order(agreement)
    reduction = reduce(items, agreement.terms.strategy, credit_minor, posted_at)
    refunded = {
        item.no: item._replace(refunded_minor=item.refunded_minor + part + back, written_off_minor=item.written_off_minor - back)
        for item, part, back in zip(items, reduction.principal, reduction.recovered, strict=True) if part or back
    }
    plans = _shared_out(agreement, refunded, credit_minor)
    repriced = [_repriced(plan, share, agreement.terms, posted_at) for plan, share in plans]
    billed = sum(part for item, part in zip(items, reduction.principal, strict=True) if item.billed)
    recovered, back = sum(reduction.recovered), sum(change.back_minor for _, change in repriced)
    principal = sum(reduction.principal)
    after = replace(
        agreement, plans=tuple(plan for plan, _ in repriced), written_off_minor=agreement.written_off_minor - recovered
    )
    return Allocation(
        agreement=replace(after, state=state_after(after)), billed_minor=billed, unbilled_minor=principal - billed,
        recovered_minor=recovered, fee_back_minor=back,
        fee_reversed_minor=sum(change.reversed_minor for _, change in repriced),
        fee_earned_minor=sum(change.earned_minor for _, change in repriced),
        surplus_minor=credit_minor - principal - recovered + back,
        steps=reduction.steps + tuple(step for _, change in repriced for step in change.steps),
    )


def reduce(items: Sequence[Instalment], strategy: Strategy, credit_minor: int, posted_at: datetime) -> Reduction:
    """Which instalments the credit share clears, and by how much (RA-3, RA-4, PR-1)."""
    outstanding = [item.principal_minor - item.paid_minor - item.refunded_minor - item.written_off_minor for item in items]
    whole = sum(outstanding)
    none = (0,) * len(items)
    if credit_minor >= whole:
        recovered = in_order(credit_minor - whole, [item.written_off_minor for item in items])
        steps = _step("RA-3", "all", credit_minor, items, outstanding, tuple(outstanding))
        return Reduction(tuple(outstanding), recovered, steps + _step(
            "P25", "in_order", credit_minor - whole, items, [item.written_off_minor for item in items], recovered
        ))
    today = business_date(posted_at)
    overdue = [item.billed and item.due_date < today for item in items]
    if not any(overdue):
        _, parts = overdue_first(strategy, credit_minor, outstanding, overdue)
        return Reduction(parts, none, _step(_rule(strategy), strategy.value, credit_minor, items, outstanding, parts))
    late, others = overdue_first(strategy, credit_minor, outstanding, overdue)
    first = [whole if is_late else 0 for whole, is_late in zip(outstanding, overdue, strict=True)]
    rest = [0 if is_late else whole for whole, is_late in zip(outstanding, overdue, strict=True)]
    steps = _step("RA-4", "in_order", credit_minor, items, first, late) + _step(
        _rule(strategy), strategy.value, credit_minor - sum(late), items, rest, others
    )
    return Reduction(tuple(a + b for a, b in zip(late, others, strict=True)), none, steps)


def state_after(agreement: Agreement) -> AgreementState:
    """SETTLED_EARLY once all its credit is refunded; PAID_OFF and CHARGED_OFF stay what they are (A23, P25)."""
    if agreement.state is not AgreementState.EFFECTIVE or any(agreement.hold.remaining):
        return agreement.state
    if not agreement.plans:
        return agreement.state if any(agreement.refundable) else AgreementState.SETTLED_EARLY
    if all(plan.refunded_minor == plan.principal_minor for plan in agreement.plans):
        return AgreementState.SETTLED_EARLY
    return agreement.state if agreement.open else AgreementState.PAID_OFF


def _in_order(agreement: Agreement) -> tuple[Instalment, ...]:
    """All instalments by due date, then shipment, then number; a single plan is in that order already."""
    if len(agreement.plans) == 1:
        return agreement.plans[0].instalments
    return tuple(sorted(agreement.instalments, key=lambda item: (item.due_date, item.no)))


def _shared_out(agreement: Agreement, refunded: dict[int, Instalment], credit_minor: int) -> list[tuple[Plan, int]]:
    """The plans with their reduced instalments, and each one's share of the credit: its reductions, then of what is left
    as much as was paid of it, oldest shipment first."""
    plans, shares = [], []
    for plan in agreement.plans:
        items = tuple(refunded.get(item.no, item) for item in plan.instalments) if refunded else plan.instalments
        plans.append(replace(plan, instalments=items))
        shares.append(sum(item.refunded_minor for item in items) - sum(item.refunded_minor for item in plan.instalments))
    rest = credit_minor - sum(shares)
    if rest:
        room = [plan.principal_minor - plan.refunded_minor - share for plan, share in zip(plans, shares, strict=True)]
        shares = [share + more for share, more in zip(shares, in_order(rest, room), strict=True)]
    return list(zip(plans, shares, strict=True))


def _repriced(plan: Plan, share: int, terms: CreditTerms, posted_at: datetime) -> tuple[Plan, refund_fees.FeeChange]:
    """The plan after the fee rules; a plan that no share of the refund fell on keeps its fees."""
    if not share:
        return plan, refund_fees.FeeChange(plan.instalments, 0, 0, 0, ())
    elapsed = elapsed_days(plan.captured_at, posted_at)
    free = elapsed <= terms.free_days
    weighted = plan.weighted_minor + share * (0 if free else min(elapsed, terms.term_days))
    plan = replace(plan, refunded_minor=plan.refunded_minor + share, weighted_minor=weighted)
    change = refund_fees.reprice(plan, terms, free)
    return replace(plan, instalments=change.instalments), change


def _rule(strategy: Strategy) -> str:
    return "PR-1" if strategy is Strategy.PROPORTIONAL else "PR-2"


def _step(
    rule: str, formula: str, offered: int, items: Sequence[Instalment], weights: Sequence[int], parts: Sequence[int]
) -> tuple[Step, ...]:
    """The explanation of one allocation, without the instalments that had nothing to give."""
    amount = sum(parts)
    if not amount:
        return ()
    told = tuple(Part(item.no, weight, part) for item, weight, part in zip(items, weights, parts, strict=True) if weight)
    return (Step(rule, formula, amount, (offered,), told),)
