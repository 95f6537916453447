"""Return cases: children of orders, read and written under their order's lock."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from services.order.domain.deductions import Deduction
from services.order.domain.lines import LineQuantity
from services.order.domain.returns import ReturnCase
from services.order.domain.states import DeductionState, ReturnState
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection

CASE_COLUMNS = (
    "id, order_id, state, settlement_id, version, requested_at, updated_at, deadline_at, lines, accepted, details"
)


class _Details(msgspec.Struct, omit_defaults=True):
    """What nobody looks for by itself."""

    reason: str = ""
    note: str = ""
    waybill_number: str = ""
    carrier: str = ""
    return_address: str = ""
    reject_reason: str = ""
    disputed_by: str = ""
    evidence: tuple[str, ...] = ()
    dispute_note: str = ""
    deductions: tuple[Deduction, ...] = ()
    deduction_state: DeductionState | None = None
    deducted_at: datetime | None = None
    give_back_id: str = ""


_UNITS = msgspec.json.Decoder(tuple[LineQuantity, ...])
_DETAILS = msgspec.json.Decoder(_Details)
_ENCODE = msgspec.json.Encoder().encode


def case_of(row: Any) -> ReturnCase:  # Any: an asyncpg record is untyped
    """The case that a row holds."""
    details = _DETAILS.decode(row["details"])
    return ReturnCase(
        id=row["id"], order_id=row["order_id"], state=ReturnState(row["state"]), lines=_UNITS.decode(row["lines"]),
        requested_at=row["requested_at"], updated_at=row["updated_at"], deadline_at=row["deadline_at"],
        accepted=_UNITS.decode(row["accepted"]), reason=details.reason, note=details.note,
        waybill_number=details.waybill_number, carrier=details.carrier, return_address=details.return_address,
        reject_reason=details.reject_reason, disputed_by=details.disputed_by, evidence=details.evidence,
        dispute_note=details.dispute_note, settlement_id=row["settlement_id"], version=row["version"],
        deductions=details.deductions, deduction_state=details.deduction_state, deducted_at=details.deducted_at,
        give_back_id=details.give_back_id,
    )


async def load_cases(connection: Connection, keys: Sequence[str]) -> list[ReturnCase]:
    """Return cases by id; their orders are locked already."""
    rows = await connection.fetch(f"select {CASE_COLUMNS} from return_cases where id = any($1::text[])", keys)
    return [case_of(row) for row in rows]


def _details(case: ReturnCase) -> _Details:
    return _Details(
        reason=case.reason, note=case.note, waybill_number=case.waybill_number, carrier=case.carrier,
        return_address=case.return_address, reject_reason=case.reject_reason, disputed_by=case.disputed_by,
        evidence=case.evidence, dispute_note=case.dispute_note, deductions=case.deductions,
        deduction_state=case.deduction_state, deducted_at=case.deducted_at, give_back_id=case.give_back_id,
    )


save_cases = Saving(
    "return_cases",
    key="id",
    once=(
        *columns("text", "id", "order_id"), column("requested_at", "timestamptz"),
        column("lines", "json", lambda c: _ENCODE(c.lines)),
    ),
    moving=(
        column("state", "text", "state.value"), column("settlement_id", "text"), column("version", "bigint"),
        *columns("timestamptz", "updated_at", "deadline_at"),
        column("accepted", "json", lambda c: _ENCODE(c.accepted)),
        column("details", "json", lambda c: _ENCODE(_details(c))),
    ),
    sealed=True,
)
"""What is asked to go back never changes."""
