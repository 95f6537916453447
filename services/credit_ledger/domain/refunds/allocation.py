"""The credit share of a refund against one agreement: principal, then fees (RA-1 to RA-4, PR-1, FE-1 to FE-4).

Pure arithmetic on the agreement alone. What is left over is the surplus, spent in `surplus`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.agreement import Agreement, AgreementState, Plan
from services.credit_ledger.domain.model.books import Lines
from services.credit_ledger.domain.model.effects import Step
from services.credit_ledger.domain.model.instalment import Instalment, refunded
from services.credit_ledger.domain.model.terms import CreditTerms, Strategy
from services.credit_ledger.domain.refunds.fees import FeeChange, Refunded, reprice
from services.credit_ledger.domain.refunds.strategies import Parts, overdue_first, reduce_by
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
    """What each instalment owed, and what it gives up: unpaid principal, and principal that was written off (P25)."""

    outstanding: Sequence[int]
    principal: Parts
    recovered: Parts
    steps: tuple[Step, ...]


class Cut(NamedTuple):
    """One plan's part of a refund; `credit_minor` is more than its reductions where paid principal is refunded."""

    plan: Plan
    outstanding: Sequence[int]
    principal: Sequence[int]
    recovered: Sequence[int]
    credit_minor: int


def allocate(agreement: Agreement, credit_minor: int, posted_at: datetime) -> Allocation:
    """Apply the credit share of a refund. More than all that is outstanding clears all of it; the rest is surplus."""
    items, terms = _in_order(agreement), agreement.terms
    reduction = reduce(items, terms.strategy, credit_minor, posted_at)
    changes = [_refunded(cut, terms, posted_at) for cut in _cuts(agreement, items, reduction, credit_minor)]
    plans, fees = tuple(plan for plan, _ in changes), [fee for _, fee in changes]
    principal, recovered = sum(reduction.principal), sum(reduction.recovered)
    billed = sum([part for item, part in zip(items, reduction.principal, strict=True) if item.billed])
    back = sum(fee.back_minor for fee in fees)
    after = replace(
        agreement, plans=plans, written_off_minor=agreement.written_off_minor - recovered,
        state=state_after(agreement, plans),
    )
    return Allocation(
        agreement=after, billed_minor=billed, unbilled_minor=principal - billed, recovered_minor=recovered,
        fee_back_minor=back, fee_reversed_minor=sum(fee.reversed_minor for fee in fees),
        fee_earned_minor=sum(fee.earned_minor for fee in fees),
        surplus_minor=credit_minor - principal - recovered + back,
        steps=reduction.steps + tuple(step for fee in fees for step in fee.steps),
    )


def reduce(items: Sequence[Instalment], strategy: Strategy, credit_minor: int, posted_at: datetime) -> Reduction:
    """Which instalments the credit share clears, and by how much (RA-3, RA-4, PR-1)."""
    outstanding = [
        item.principal_minor - item.paid_minor - item.refunded_minor - item.written_off_minor for item in items
    ]
    whole, none = sum(outstanding), (0,) * len(items)
    if credit_minor >= whole:
        written_off = [item.written_off_minor for item in items]
        recovered = in_order(credit_minor - whole, written_off)
        steps = _step("RA-3", "all", credit_minor, items, weights=outstanding, parts=outstanding)
        recovery = _step("P25", "in_order", credit_minor - whole, items, weights=written_off, parts=recovered)
        return Reduction(outstanding, tuple(outstanding), recovered, steps + recovery)
    today = business_date(posted_at)
    overdue = [item.billed and item.due_date < today for item in items]
    if not any(overdue):
        parts = reduce_by(strategy, credit_minor, outstanding)
        steps = _step(_rule(strategy), strategy.value, credit_minor, items, weights=outstanding, parts=parts)
        return Reduction(outstanding, parts, none, steps)
    late, others = overdue_first(strategy, credit_minor, outstanding, overdue)
    first = [whole if is_late else 0 for whole, is_late in zip(outstanding, overdue, strict=True)]
    rest = [0 if is_late else whole for whole, is_late in zip(outstanding, overdue, strict=True)]
    steps = _step("RA-4", "in_order", credit_minor, items, weights=first, parts=late)
    steps += _step(_rule(strategy), strategy.value, credit_minor - sum(late), items, weights=rest, parts=others)
    return Reduction(outstanding, tuple(map(int.__add__, late, others)), none, steps)


def state_after(agreement: Agreement, plans: Sequence[Plan]) -> AgreementState:
    """SETTLED_EARLY once all its credit is refunded; PAID_OFF and CHARGED_OFF stay what they are (A23, P25)."""
    if agreement.state is not AgreementState.EFFECTIVE or any(agreement.hold.remaining):
        return agreement.state
    if not plans:
        return agreement.state if any(agreement.refundable) else AgreementState.SETTLED_EARLY
    if all(plan.refunded_minor == plan.principal_minor for plan in plans):
        return AgreementState.SETTLED_EARLY
    live = any(item.live for plan in plans for item in plan.instalments)
    return agreement.state if live else AgreementState.PAID_OFF


def _in_order(agreement: Agreement) -> tuple[Instalment, ...]:
    """All instalments by due date, then shipment, then number; a single plan is in that order already."""
    if len(agreement.plans) == 1:
        return agreement.plans[0].instalments
    return tuple(sorted(agreement.instalments, key=lambda item: (item.due_date, item.no)))


def _cuts(agreement: Agreement, items: Sequence[Instalment], reduction: Reduction, credit_minor: int) -> list[Cut]:
    """Each plan's part of the refund: its reductions, then of what
    is left as much as was paid of it, oldest shipment first."""
    if len(agreement.plans) == 1:
        return [Cut(agreement.plans[0], *reduction[:3], credit_minor)]
    numbers = [item.no for item in items]
    owed, given, recovered = (dict(zip(numbers, amounts, strict=True)) for amounts in reduction[:3])
    cuts = [
        Cut(plan, [owed[n] for n in own], [given[n] for n in own], [recovered[n] for n in own],
            sum(given[n] + recovered[n] for n in own))
        for plan in agreement.plans for own in ([item.no for item in plan.instalments],)
    ]
    room = [cut.plan.principal_minor - cut.plan.refunded_minor - cut.credit_minor for cut in cuts]
    rest = in_order(credit_minor - sum(cut.credit_minor for cut in cuts), room)
    return [cut._replace(credit_minor=cut.credit_minor + more) for cut, more in zip(cuts, rest, strict=True)]


def _refunded(cut: Cut, terms: CreditTerms, posted_at: datetime) -> tuple[Plan, FeeChange]:
    """The plan after its part of the refund; one that no part fell on keeps its fees."""
    plan = cut.plan
    if not cut.credit_minor:
        return plan, FeeChange((), ())
    elapsed = elapsed_days(plan.captured_at, posted_at)
    free = elapsed <= terms.free_days
    total = Refunded(
        plan.refunded_minor + cut.credit_minor,
        plan.weighted_minor + cut.credit_minor * (0 if free else min(elapsed, terms.term_days)), free,
    )
    change = reprice(plan, terms, total, tuple(map(int.__sub__, cut.outstanding, cut.principal)))
    instalments = refunded(
        plan.instalments, parts=cut.principal, recovered=cut.recovered, fees=change.fees, fees_paid=change.paid,
        earned=change.earned_minor > 0,
    )
    return Plan(
        shipment=plan.shipment, captured_at=plan.captured_at, principal_minor=plan.principal_minor,
        flat_fee_minor=plan.flat_fee_minor, instalments=instalments, refunded_minor=total.credit_minor,
        weighted_minor=total.weighted_minor,
    ), change


def _rule(strategy: Strategy) -> str:
    return "PR-1" if strategy is Strategy.PROPORTIONAL else "PR-2"


def _step(
    rule: str, formula: str, offered: int, items: Sequence[Instalment], *, weights: Sequence[int], parts: Sequence[int]
) -> tuple[Step, ...]:
    """The explanation of one allocation; none where nothing was to give."""
    amount = sum(parts)
    if not amount:
        return ()
    numbers = tuple([item.no for item in items])
    return (Step(
        rule=rule, formula=formula, amount_minor=amount, inputs=(offered,), numbers=numbers, weights=tuple(weights),
        amounts=tuple(parts),
    ),)
