"""Rows of the daily comparison with the rail's list, and the ranges of legs that it reads. Keys are compared byte by
byte, as the rail orders them."""

from collections.abc import Sequence

import asyncpg

from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.reconciliation import (
    Difference,
    DifferenceKind,
    Place,
    RailDifference,
    Reconciliation,
    ReconciliationState,
)
from services.credit_ledger.store.payments import LEG_COLUMNS, leg_of
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection

_COLUMNS = """id, state, run, cursor, after_key, compared, found, started_at, ended_at, sequence, version,
    events_head"""
DIFFERENCE_COLUMNS = """key, reconciliation_id, kind, account_id, reference, leg_minor, rail_minor, detail, opened_at,
    seen_at, resolved_at, version"""


def reconciliation_of(row: asyncpg.Record) -> Reconciliation:
    """The comparison in a row."""
    return Reconciliation(
        id=row["id"], state=ReconciliationState(row["state"]), run=row["run"],
        place=Place(row["cursor"], row["after_key"]), compared=row["compared"], found=row["found"],
        started_at=row["started_at"], ended_at=row["ended_at"], sequence=row["sequence"], version=row["version"],
        events_head=row["events_head"],
    )


def difference_of(row: asyncpg.Record) -> RailDifference:
    """The difference in a row of `DIFFERENCE_COLUMNS`."""
    difference = Difference(
        key=row["key"], kind=DifferenceKind(row["kind"]), account_id=row["account_id"], reference=row["reference"],
        leg_minor=row["leg_minor"], rail_minor=row["rail_minor"], detail=row["detail"],
    )
    return RailDifference(
        reconciliation_id=row["reconciliation_id"], difference=difference, opened_at=row["opened_at"],
        seen_at=row["seen_at"], resolved_at=row["resolved_at"], version=row["version"],
    )


async def find_reconciliation(connection: Connection, key: str) -> Reconciliation | None:
    """The comparison, not locked."""
    row = await connection.fetchrow(f"select {_COLUMNS} from reconciliations where id = $1", key)
    return reconciliation_of(row) if row else None


async def load_reconciliations(connection: Connection, keys: Sequence[str]) -> list[Reconciliation]:
    """Lock and read these comparisons."""
    rows = await connection.fetch(
        f"select {_COLUMNS} from reconciliations where id = any($1::text[]) order by id for no key update", keys
    )
    return [reconciliation_of(row) for row in rows]


save_reconciliations = Saving(
    "reconciliations",
    key="id",
    once=columns("text", "id"),
    moving=(
        column("state", "text", "state.value"), column("cursor", "text", "place.cursor"),
        column("after_key", "text", "place.after"), *columns("bigint", "run", "compared", "found"),
        *columns("timestamptz", "started_at", "ended_at"), *columns("bigint", "sequence", "version"),
        column("events_head", "bytea"),
    ),
    sealed=True,
)
"""How far a comparison is."""


async def load_differences(connection: Connection, keys: Sequence[str]) -> list[RailDifference]:
    """Read these differences."""
    rows = await connection.fetch(
        f"select {DIFFERENCE_COLUMNS} from rail_differences where key = any($1::text[])", keys
    )
    return [difference_of(row) for row in rows]


save_differences = Saving(
    "rail_differences",
    key="key",
    once=(column("key", "text"), column("reconciliation_id", "text")),
    moving=(
        column("kind", "text", "difference.kind.value"), column("account_id", "text", "difference.account_id"),
        column("reference", "text", "difference.reference"), column("leg_minor", "bigint", "difference.leg_minor"),
        column("rail_minor", "bigint", "difference.rail_minor"), column("detail", "text", "difference.detail"),
        *columns("timestamptz", "opened_at", "seen_at", "resolved_at"), column("version", "bigint"),
    ),
    sealed=True,
)
"""A difference as it was seen last."""


async def list_differences(
    connection: Connection, resolved_too: bool, after_key: str, limit: int
) -> list[RailDifference]:
    """Differences by key: the open ones, or all."""
    rows = await connection.fetch(
        f"""select {DIFFERENCE_COLUMNS} from rail_differences
            where ($1 or resolved_at is null) and key collate "C" > $2 order by key collate "C" limit $3""",
        resolved_too, after_key, limit,
    )
    return [difference_of(row) for row in rows]


async def count_open_differences(connection: Connection) -> int:
    """How many differences are open."""
    count: int = await connection.fetchval("select count(*) from rail_differences where resolved_at is null")
    return count


async def legs_between(connection: Connection, after: str, until: str | None, limit: int) -> list[RefundLeg]:
    """The legs of a range of keys, by key."""
    rows = await connection.fetch(
        f"""select {LEG_COLUMNS} from legs where id collate "C" > $1 and ($2::text is null or id collate "C" <= $2)
            order by id collate "C" limit $3""",
        after, until, limit,
    )
    return [leg_of(row) for row in rows]


async def open_differences_between(connection: Connection, after: str, until: str | None) -> list[str]:
    """The keys of the open differences of a range."""
    rows = await connection.fetch(
        """select key from rail_differences where resolved_at is null and key collate "C" > $1
           and ($2::text is null or key collate "C" <= $2)""",
        after, until,
    )
    return [row[0] for row in rows]
