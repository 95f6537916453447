"""Rows that are written once: the account's log, issued statements, adjustments. Triggers refuse every later change."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from services.credit_ledger.domain.log.inputs import LOGGED
from services.credit_ledger.domain.model.adjustment import AdjustedLine, Adjustment
from services.credit_ledger.domain.model.before import NOTHING_BEFORE, SHAPE, Before
from services.credit_ledger.domain.model.operation import Facts, Operation
from services.credit_ledger.domain.model.statement import Statement, StatementLine
from services.kernel.chain import OPERATIONS, row_of
from services.kernel.decision import Vector
from services.runtime.ground.saving import Appending, column, columns
from services.runtime.ground.tables import Connection

OPERATION_COLUMNS = "account_id, number, kind, at, order_id, reference, saga_id, body, facts, moved"
STATEMENT_COLUMNS = """account_id, bill_date, due_date, cut_at, issued_at, amount_minor, offset_minor, first_operation,
    last_operation, lines"""
ADJUSTMENT_COLUMNS = """id, account_id, order_id, refund_id, maker, checker, evidence, reason, posted_at, version,
    effective_date, case_id, lines"""

_BODIES: dict[str, msgspec.json.Decoder[Any]] = {name: msgspec.json.Decoder(row.body) for name, row in LOGGED.items()}
_FACTS = msgspec.json.Decoder(Facts)
_BEFORE = msgspec.json.Decoder(Before)
_MOVED = msgspec.json.Decoder(Vector)
_LINES = msgspec.json.Decoder(tuple[StatementLine, ...])
_EVIDENCE = msgspec.json.Decoder(tuple[str, ...])
_ADJUSTED = msgspec.json.Decoder(tuple[AdjustedLine, ...])
_NOTHING = Facts()
_encode = msgspec.json.Encoder().encode
_SHAPED = b"[%d," % SHAPE
_UNCHANGED = _encode(NOTHING_BEFORE)


def operation_of(row: asyncpg.Record, before: Before | None = None) -> Operation:
    """The operation in a row of `OPERATION_COLUMNS`, with what was kept beside it for a reversal."""
    return Operation(
        account_id=row["account_id"], number=row["number"], at=row["at"],
        body=_BODIES[row["kind"]].decode(row["body"]), order_id=row["order_id"], reference=row["reference"],
        saga_id=row["saga_id"], facts=_FACTS.decode(row["facts"]), moved=_MOVED.decode(row["moved"]), before=before,
    )


async def load_operations(connection: Connection, keys: Sequence[str]) -> list[Operation]:
    """Read these operations; a key is `<account>/<number>`."""
    pairs = [key.rpartition("/") for key in keys]
    rows = await connection.fetch(
        f"""select {OPERATION_COLUMNS}, before from operations
            where (account_id, number) in (select * from unnest($1::text[], $2::bigint[]))""",
        [account for account, _, _ in pairs], [int(number) for _, _, number in pairs],
    )
    return [operation_of(row, _before_of(row["before"])) for row in rows]


def _before_of(kept: bytes | None) -> Before | None:
    """What was kept, if it was and in the shape of today."""
    return _BEFORE.decode(kept) if kept is not None and kept.startswith(_SHAPED) else None


def _facts(operation: Operation) -> bytes:
    return b"{}" if operation.facts == _NOTHING else _encode(operation.facts)


def _kept(operation: Operation) -> bytes | None:
    """What is kept of it, as it is written; most change no agreement."""
    if operation.before is None:
        return None
    return _UNCHANGED if operation.before is NOTHING_BEFORE else _encode(operation.before)


save_operations = Appending(
    "operations",
    (
        column("account_id", "text"), column("number", "bigint"), column("kind", "text"), column("at", "timestamptz"),
        *columns("text", "order_id", "reference", "saga_id"), column("body", "json", lambda o: _encode(o.body)),
        column("facts", "json", _facts), column("moved", "json", lambda o: _encode(o.moved)),
        column("before", "json", _kept), column("link", "bytea"),
    ),
)
"""The primary key (account, number) refuses a fork of a log."""


_HASHED = save_operations.columns[2:-1]
"""All of its columns but its root, its number and its link."""


def operation_row(operation: Operation) -> bytes:
    """An operation as it is hashed: what its columns hold, in their order."""
    values = [each.value(operation) for each in _HASHED]
    return row_of(OPERATIONS, operation.account_id, operation.number, *values)


def statement_of(row: asyncpg.Record) -> Statement:
    """The statement in a row of `STATEMENT_COLUMNS`."""
    return Statement(
        account_id=row["account_id"], bill_date=row["bill_date"], due_date=row["due_date"], cut_at=row["cut_at"],
        issued_at=row["issued_at"], amount_minor=row["amount_minor"], offset_minor=row["offset_minor"],
        first_operation=row["first_operation"], last_operation=row["last_operation"],
        lines=_LINES.decode(row["lines"]),
    )


async def load_statements(connection: Connection, keys: Sequence[str]) -> list[Statement]:
    """Read these statements; a key is `<account>/<bill date>`."""
    pairs = [key.rpartition("/") for key in keys]
    rows = await connection.fetch(
        f"""select {STATEMENT_COLUMNS} from statements
            where (account_id, bill_date) in (select a, d::date from unnest($1::text[], $2::text[]) k (a, d))""",
        [account for account, _, _ in pairs], [date for _, _, date in pairs],
    )
    return [statement_of(row) for row in rows]


save_statements = Appending(
    "statements",
    (
        column("account_id", "text"), *columns("date", "bill_date", "due_date"),
        *columns("timestamptz", "cut_at", "issued_at"),
        *columns("bigint", "amount_minor", "offset_minor", "first_operation", "last_operation"),
        column("lines", "json", lambda s: _encode(s.lines)),
    ),
)
"""The primary key (account, bill date) refuses a second statement of one bill."""


def adjustment_of(row: asyncpg.Record) -> Adjustment:
    """The adjustment in a row of `ADJUSTMENT_COLUMNS`."""
    return Adjustment(
        id=row["id"], account_id=row["account_id"], order_id=row["order_id"], refund_id=row["refund_id"],
        maker=row["maker"], checker=row["checker"], evidence=_EVIDENCE.decode(row["evidence"]),
        reason=row["reason"], posted_at=row["posted_at"], version=row["version"],
        effective_date=row["effective_date"], case_id=row["case_id"], lines=_ADJUSTED.decode(row["lines"]),
    )


async def load_adjustments(connection: Connection, keys: Sequence[str]) -> list[Adjustment]:
    """Read these adjustments."""
    rows = await connection.fetch(f"select {ADJUSTMENT_COLUMNS} from adjustments where id = any($1::text[])", keys)
    return [adjustment_of(row) for row in rows]


save_adjustments = Appending(
    "adjustments",
    (
        *columns("text", "id", "account_id", "order_id", "refund_id", "maker", "checker"),
        column("evidence", "json", lambda a: _encode(a.evidence)), column("reason", "text"),
        column("posted_at", "timestamptz"), column("version", "bigint"), column("effective_date", "date"),
        column("case_id", "text"), column("lines", "json", lambda a: _encode(a.lines)),
    ),
)
"""What two people posted stays as they posted it."""
