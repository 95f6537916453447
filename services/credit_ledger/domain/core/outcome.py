"""The answer to a saga command: what the order is told, and keeps (`CreditEffect`)."""

from datetime import date
from typing import Any

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.effects import CreditEffect, InstalmentChange
from services.credit_ledger.domain.model.instalment import InstalmentState
from services.credit_ledger.domain.model.operation import NO_FACTS, Facts
from services.credit_ledger.domain.model.tenders import Tenders
from services.kernel.calendar import business_date


def applied(
    position: Position, agreement: Agreement, op: str, moved: Tenders, *, reference: str = "", facts: Facts = NO_FACTS,
    before: Agreement | None = None, **details: Any,  # fields of CreditEffect, checked by its constructor
) -> Applied:
    """The position with the effect that answers the command; `before` is the agreement that the changes are told from."""
    effect = CreditEffect(
        op=op, order_id=agreement.order_id, account_id=position.account.id, account_version=position.before.version + 1,
        posted_at=position.at, moved=moved, agreement_state=agreement.state,
        available_minor=position.account.available_minor,
        instalments=instalment_changes(agreement, before, business_date(position.at)), **details,
    )
    return Applied(position, effect, agreement.order_id, reference, facts, moved.vector())


def instalment_changes(agreement: Agreement, before: Agreement | None, today: date) -> tuple[InstalmentChange, ...]:
    """Every instalment as it is now, and what this decision did to it; one that is new did nothing yet."""
    now = tuple(agreement.instalments)
    old = tuple(before.instalments) if before is not None else now
    rows = []
    for item, was in zip(now, old + now[len(old):], strict=True):
        no, bill_date, due_date, principal, _, fee, paid, refunded, written_off, fee_paid, late, _, billed = item
        unpaid = principal - paid - refunded - written_off
        state = item.state(today) if billed or not unpaid else InstalmentState.SCHEDULED
        rows.append(InstalmentChange(
            no, bill_date, due_date, principal, paid, refunded, unpaid, fee, fee_paid, late, state,
            refunded - was.refunded_minor, paid - was.paid_minor, was.fee_minor,
        ))
    return tuple(rows)
