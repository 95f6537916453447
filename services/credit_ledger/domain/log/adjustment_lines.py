"""What happened since the statement before: the adjustment lines of a statement (SC-2, MA-4).

They are its share of the account's log, which nothing can be added to later.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from services.credit_ledger.domain.log.inputs import LOGGED
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.statement import Statement
from services.kernel.decision import Vector


class AdjustmentLine(NamedTuple):
    """One operation as the statement shows it, with the figures that it moved."""

    number: int
    at: datetime
    kind: str
    order_id: str
    reference: str
    moved: Vector
    late_fee_minor: int


def adjustments(statement: Statement, operations: Iterable[Operation]) -> tuple[AdjustmentLine, ...]:
    """The adjustment lines of a statement."""
    return tuple(
        AdjustmentLine(
            number=row.number, at=row.at, kind=row.kind, order_id=row.order_id, reference=row.reference,
            moved=row.moved, late_fee_minor=sum(entry.amount_minor for entry in row.facts.accrued),
        )
        for row in sorted(operations, key=lambda row: row.number)
        if statement.first_operation <= row.number <= statement.last_operation and LOGGED[row.kind].adjusts
    )
