"""The answer to a saga command: what the order is told, and keeps (`CreditEffect`)."""

from collections.abc import Iterator
from typing import Any

from services.credit_ledger.domain.agreement import Agreement
from services.credit_ledger.domain.effects import CreditEffect, InstalmentChange
from services.credit_ledger.domain.instalment import Instalment
from services.credit_ledger.domain.operation import NO_FACTS, Facts
from services.credit_ledger.domain.position import Applied, Position
from services.credit_ledger.domain.tenders import Tenders
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
        instalments=tuple(instalment_changes(position, agreement, before)), **details,
    )
    return Applied(position, effect, agreement.order_id, reference, facts, moved.vector())


def instalment_changes(position: Position, agreement: Agreement, before: Agreement | None) -> Iterator[InstalmentChange]:
    """Every instalment as it is now, and what this decision did to it."""
    today = business_date(position.at)
    old = {item.no: item for item in before.instalments} if before is not None else {}
    for item in agreement.instalments:
        was: Instalment = old.get(item.no, item)
        yield InstalmentChange(
            item.no, item.bill_date, item.due_date, item.principal_minor, item.paid_minor, item.refunded_minor,
            item.outstanding_minor, item.fee_minor, item.fee_paid_minor, item.late_minor, item.state(today),
            item.refunded_minor - was.refunded_minor, item.paid_minor - was.paid_minor, was.fee_minor,
        )
