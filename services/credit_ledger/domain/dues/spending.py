"""What money is spent on (SD-5; 9.6 of the scenario format): first what is billed, bill by bill; then deferrals ahead.

One function for repayments, credit-balance offsets and refund surpluses. Future instalments of INSTALMENT plans are
never paid before they are billed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.agreement import Agreement, concluded
from services.credit_ledger.domain.model.books import Lines
from services.credit_ledger.domain.model.effects import Component, Use
from services.credit_ledger.domain.model.instalment import Instalment


class Due(NamedTuple):
    """One instalment that money can be spent on; its first fields are the order of spending."""

    due_date: date
    shipment: int
    no: int
    order_id: str
    instalment: Instalment


@dataclass(frozen=True, slots=True)
class Spent:
    """The agreements that changed, what was spent on what, and what nothing was found for."""

    agreements: tuple[Agreement, ...]
    uses: tuple[Use, ...]
    rest_minor: int

    @property
    def principal_minor(self) -> int:
        """The principal that was paid, and so the limit that comes back."""
        return sum(use.amount_minor for use in self.uses if use.component is Component.PRINCIPAL)


def billed_dues(agreements: Iterable[Agreement]) -> list[Due]:
    """Every billed instalment with something due: by due date, then by order of shipment, then by number."""
    return sorted(_dues(agreements, billed=True))


def dues_ahead(agreements: Iterable[Agreement]) -> list[Due]:
    """Deferrals with outstanding principal that are not billed yet, in the order of their shipment."""
    found = _dues((agreement for agreement in agreements if agreement.terms.deferred), billed=False)
    return sorted(found, key=lambda due: due.shipment)


def spend(agreements: Iterable[Agreement], amount: int, billed_rule: str, ahead_rule: str = "") -> Spent:
    """Spend an amount over these agreements; without `ahead_rule` on billed dues only."""
    rows = {agreement.order_id: agreement for agreement in agreements}
    uses: list[Use] = []
    for due in billed_dues(rows.values()) if amount else ():
        amount -= _use(uses, due, amount, billed_rule)
        if not amount:
            break
    if ahead_rule and amount:
        for due in dues_ahead(rows.values()):
            part = min(amount, due.instalment.outstanding_minor)
            if part:
                uses.append(Use(due.order_id, due.no, Component.PRINCIPAL, part, ahead_rule, unbilled=True))
                amount -= part
    return Spent(paid(rows, uses), tuple(uses), amount)


def spend_on_charges(agreement: Agreement, amount: int, rule: str) -> Spent:
    """Spend an amount on the late fees and fees due of one agreement, bill by bill (RA-5 step 1)."""
    uses: list[Use] = []
    for due in billed_dues((agreement,)):
        amount -= _use(uses, due, amount, rule, principal=False)
    return Spent(paid({agreement.order_id: agreement}, uses), tuple(uses), amount)


def lines_of(uses: Iterable[Use], account_id: str) -> Lines:
    """The credit lines of money spent."""
    return tuple((_account_of(use), account_id, -use.amount_minor) for use in uses)


def paid(rows: Mapping[str, Agreement], uses: Iterable[Use]) -> tuple[Agreement, ...]:
    """The agreements after these payments."""
    by_order: dict[str, dict[int, list[Use]]] = {}
    for use in uses:
        by_order.setdefault(use.order_id, {}).setdefault(use.no, []).append(use)
    return tuple(_paid(rows[order_id], by_number) for order_id, by_number in by_order.items())


def _dues(agreements: Iterable[Agreement], billed: bool) -> list[Due]:
    return [
        Due(instalment.due_date, plan.shipment, instalment.no, agreement.order_id, instalment)
        for agreement in agreements for plan in agreement.plans for instalment in plan.instalments
        if instalment.billed is billed and instalment.live
    ]


def _use(uses: list[Use], due: Due, amount: int, rule: str, principal: bool = True) -> int:
    """Note what of an amount one billed instalment takes: late fee, fee, principal."""
    instalment, left = due.instalment, amount
    owed = (
        (Component.LATE, instalment.late_minor),
        (Component.FEE, instalment.fee_due_minor),
        (Component.PRINCIPAL, instalment.outstanding_minor if principal else 0),
    )
    for component, whole in owed:
        part = min(left, whole)
        if part:
            uses.append(Use(due.order_id, due.no, component, part, rule))
            left -= part
    return amount - left


def _account_of(use: Use) -> str:
    if use.component is Component.PRINCIPAL:
        return books.LOAN_UNBILLED if use.unbilled else books.LOAN_BILLED
    return books.LOAN_LATE if use.component is Component.LATE else books.LOAN_FEE


def _paid(agreement: Agreement, by_number: Mapping[int, list[Use]]) -> Agreement:
    plans = tuple(
        replace(plan, instalments=tuple(
            _instalment_paid(instalment, by_number[instalment.no]) if instalment.no in by_number else instalment
            for instalment in plan.instalments
        )) if any(instalment.no in by_number for instalment in plan.instalments) else plan
        for plan in agreement.plans
    )
    after = replace(agreement, plans=plans)
    return replace(after, state=concluded(after))


def _instalment_paid(instalment: Instalment, uses: Iterable[Use]) -> Instalment:
    by_component = dict.fromkeys(Component, 0)
    for use in uses:
        by_component[use.component] += use.amount_minor
    return instalment._replace(
        late_minor=instalment.late_minor - by_component[Component.LATE],
        fee_paid_minor=instalment.fee_paid_minor + by_component[Component.FEE],
        paid_minor=instalment.paid_minor + by_component[Component.PRINCIPAL],
    )
