"""Settlements with merchants: roots beside the orders."""

from collections.abc import Sequence

import asyncpg

from services.order.domain.merchant_settlement import MerchantSettlement, MerchantSettlementState
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


async def save_merchant_settlements(connection: Connection, rows: Sequence[MerchantSettlement]) -> None:
    """Insert new ones, update known ones; what is settled with whom never changes."""
    await connection.execute(
        f"""insert into merchant_settlements ({_COLUMNS})
            select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[], $6::text[],
                                 $7::text[], $8::timestamptz[], $9::bigint[])
            on conflict (id) do update set state = excluded.state, reason = excluded.reason,
                ended_at = excluded.ended_at, version = excluded.version""",
        [s.id for s in rows], [s.merchant_id for s in rows], [s.amount_minor for s in rows],
        [s.settlement_id for s in rows], [s.started_at for s in rows], [s.state.value for s in rows],
        [s.reason for s in rows], [s.ended_at for s in rows], [s.version for s in rows],
    )


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
