"""Late fees: accrual by segment, never computed backwards, and waiver as a posting of its own (FE-5, FE-6, P20)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.agreement import Agreement, concluded, fees_total
from services.credit_ledger.domain.model.commands import AccrueLateFees, WaiveLateFees
from services.credit_ledger.domain.model.effects import LateFees
from services.credit_ledger.domain.model.events import LateFeesAccrued, LateFeesWaived
from services.credit_ledger.domain.model.instalment import Instalment
from services.credit_ledger.domain.model.operation import Accrued, Facts
from services.kernel.calendar import business_date
from services.kernel.errors import InvalidArgument
from services.kernel.journal import Unit, post
from services.kernel.money import balance, of_rate


def accrue(position: Position, body: AccrueLateFees) -> Applied:
    """Close the late-fee segment of every overdue instalment at a business date."""
    if body.through > business_date(position.at):
        raise InvalidArgument("INVALID_ARGUMENT", f"{body.through} is still to come")
    recorded = None if position.facts is None else {(a.order_id, a.no): a.amount_minor for a in position.facts.accrued}
    changed, accrued = charges(position, body.through, recorded)
    total = sum(entry.amount_minor for entry in accrued)
    if not position.replaying:
        balance(total + fees_total(position.family(Agreement)), what=f"what is owed in fees on {position.account.id}")
    result = LateFees(position.account.id, position.before.version + bool(changed), total)
    if not changed:
        return Applied(position, result, logged=False)
    owner = position.account.id
    position = position.plus(
        *changed,
        journals=post("late_accrual", Unit.CNY, ((books.LOAN_LATE, owner, total), (books.LATE_INCOME, "", -total))),
        event=LateFeesAccrued(owner, body.through, total),
    )
    return Applied(position, result, facts=Facts(accrued=accrued))


def charges(
    position: Position, through: date, recorded: Mapping[tuple[str, int], int] | None = None
) -> tuple[tuple[Agreement, ...], tuple[Accrued, ...]]:
    """The agreements with every overdue segment closed at a date, and what each costs: as was `recorded` by order and
    number, or by the rate."""
    rate, changed, accrued = position.account.late_fee_ppm_per_day, [], []
    for agreement in position.family(Agreement):
        charged = dict(_charged(agreement, through, rate, recorded))
        if charged:
            changed.append(_with(agreement, charged))
            accrued += [
                Accrued(agreement.order_id, item.no, charged[item.no].late_minor - item.late_minor)
                for item in agreement.instalments if item.no in charged
            ]
    return tuple(changed), tuple(accrued)


def waive(position: Position, body: WaiveLateFees) -> Applied:
    """Waive every late fee due on the account."""
    changed = [
        _with(agreement, {item.no: item._replace(late_minor=0) for item in agreement.instalments if item.late_minor})
        for agreement in position.family(Agreement) if any(item.late_minor for item in agreement.instalments)
    ]
    before = [position.agreement(agreement.order_id) for agreement in changed]
    total = sum(item.late_minor for agreement in before for item in agreement.instalments)
    owner = position.account.id
    if not total:
        return Applied(position, LateFees(owner, position.before.version, 0), logged=False)
    position = position.plus(
        *changed,
        journals=post("late_waiver", Unit.CNY, ((books.WAIVER, "", total), (books.LOAN_LATE, owner, -total))),
        event=LateFeesWaived(owner, total, body.reason),
    )
    waived = tuple(
        Accrued(agreement.order_id, item.no, -item.late_minor)
        for agreement in before for item in agreement.instalments if item.late_minor
    )
    return Applied(position, LateFees(owner, position.before.version + 1, total), facts=Facts(accrued=waived))


def late_fee(outstanding_minor: int, rate_ppm: int, days: int) -> int:
    """What one segment of overdue days costs (FE-5)."""
    return of_rate(outstanding_minor * days, rate_ppm)


def _charged(
    agreement: Agreement, through: date, rate_ppm: int, recorded: Mapping[tuple[str, int], int] | None
) -> Iterator[tuple[int, Instalment]]:
    """The instalments whose segment ends, also with a fee of 0. A replay charges what was charged, and only that."""
    for item in agreement.instalments:
        since = item.late_through or item.due_date
        if item.billed and item.outstanding_minor and through > since:
            if recorded is None:
                fee = late_fee(item.outstanding_minor, rate_ppm, (through - since).days)
            else:
                fee = recorded.get((agreement.order_id, item.no), 0)
            yield item.no, item._replace(late_minor=item.late_minor + fee, late_through=through)


def _with(agreement: Agreement, items: Mapping[int, Instalment]) -> Agreement:
    after = replace(agreement, plans=tuple(
        replace(plan, instalments=tuple(items.get(item.no, item) for item in plan.instalments))
        for plan in agreement.plans
    ))
    return replace(after, state=concluded(after))
