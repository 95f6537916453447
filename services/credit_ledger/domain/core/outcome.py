"""The answer to a saga command: what the order is told, and keeps (`CreditEffect`)."""

from datetime import date
from typing import Any

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.effects import CreditEffect
from services.credit_ledger.domain.model.instalment import InstalmentChange, changes
from services.credit_ledger.domain.model.operation import NO_FACTS, Facts
from services.credit_ledger.domain.model.tenders import Tenders
from services.kernel.calendar import business_date


def applied(
    position: Position, agreement: Agreement, op: str, moved: Tenders, *, reference: str = "", facts: Facts = NO_FACTS,
    before: Agreement | None = None, **details: Any,  # fields of CreditEffect, checked by its constructor
) -> Applied:
    """The position with the effect that answers the command; `before` is the agreement that the changes are told from.
    A replay answers nobody."""
    if position.replaying:
        return Applied(position, None, agreement.order_id, reference, facts=facts)
    effect = CreditEffect(
        op=op, order_id=agreement.order_id, account_id=position.account.id, account_version=position.before.version + 1,
        posted_at=position.at, moved=moved, agreement_state=agreement.state,
        available_minor=position.account.available_minor,
        instalments=instalment_changes(agreement, before, business_date(position.at)), **details,
    )
    return Applied(
        position, effect, order_id=agreement.order_id, reference=reference, facts=facts, moved=moved.vector()
    )


def instalment_changes(agreement: Agreement, before: Agreement | None, today: date) -> tuple[InstalmentChange, ...]:
    """Every instalment as it is now, and what this decision did to it; one that is new did nothing yet."""
    now = tuple(agreement.instalments)
    old = tuple(before.instalments) if before is not None else now
    return changes(now, old + now[len(old):], today)
