"""What an issued statement still asks for: the document never changes, what is due of it does (DOMAIN 2.6)."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.statement import Statement, StatementState


class StillDue(NamedTuple):
    """What is due of an issued statement, and how that reads."""

    amount_minor: int
    state: StatementState


def still_due(statement: Statement, latest: bool, agreements: Iterable[Agreement], today: date) -> StillDue:
    """What an issued statement still asks for: what is due now of its lines, never above what it asked for.

    A later statement carries the rest forward, so that only the latest asks for anything.
    """
    if not latest:
        return StillDue(0, StatementState.CLOSED)
    asked = statement.amount_minor - statement.offset_minor
    stated = {(line.order_id, line.no) for line in statement.lines}
    due = min(asked, sum(
        item.due_minor for agreement in agreements for item in agreement.instalments
        if (agreement.order_id, item.no) in stated
    ))
    if not due:
        return StillDue(0, StatementState.PAID)
    if today > statement.due_date:
        return StillDue(due, StatementState.OVERDUE)
    return StillDue(due, StatementState.ISSUED if due == asked else StatementState.PARTIALLY_PAID)
