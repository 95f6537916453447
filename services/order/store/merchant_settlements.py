"""Settlements with merchants: roots beside the orders."""

from collections.abc import Sequence

import asyncpg

from services.order.domain.merchant_settlement import MerchantSettlement, MerchantSettlementState
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection

_COLUMNS = "id, merchant_id, amount_minor, settlement_id, started_at, state, reason, ended_at, version"


def _settlement_of(row: asyncpg.Record) -> MerchantSettlement:
    return MerchantSettlement(
        id=row["id"], merchant_id=row["merchant_id"], amount_minor=row["amount_minor"],
        settlement_id=row["settlement_id"], started_at=row["started_at"], state=MerchantSettlementState(row["state"]),
        reason=row["reason"], ended_at=row["ended_at"], version=row["version"],
    )


async def load_merchant_settlements(connection: Connection, keys: Sequence[str]) -> list[MerchantSettlement]:
    """Lock and read these settlements."""
    rows = await connection.fetch(
        f"select {_COLUMNS} from merchant_settlements where id = any($1::text[]) order by id for no key update", keys
    )
    return [_settlement_of(row) for row in rows]


save_merchant_settlements = Saving(
    "merchant_settlements",
    key="id",
    once=(
        *columns("text", "id", "merchant_id", "settlement_id"), column("amount_minor", "bigint"),
        column("started_at", "timestamptz"),
    ),
    moving=(
        column("state", "text", "state.value"), column("reason", "text"), column("ended_at", "timestamptz"),
        column("version", "bigint"),
    ),
    sealed=True,
)
"""What is settled with whom never changes."""


async def find_merchant_settlement(connection: Connection, settlement_id: str) -> MerchantSettlement | None:
    """The settlement that this saga carries, not locked."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from merchant_settlements where settlement_id = $1", settlement_id
    )
    return _settlement_of(row) if row else None


async def find_merchant_settlements(connection: Connection, keys: Sequence[str]) -> list[MerchantSettlement]:
    """These settlements, not locked."""
    rows = await connection.fetch(f"select {_COLUMNS} from merchant_settlements where id = any($1::text[])", keys)
    return [_settlement_of(row) for row in rows]
