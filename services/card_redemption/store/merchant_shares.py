"""Rows of what this book owes merchants."""

from collections.abc import Sequence

import asyncpg

from services.card_redemption.domain.merchants.share import MerchantShare
from services.kernel.participant import Pending
from services.kernel.shares import share_keys
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection

_SHARE = """id, merchant_id, payable_minor, settling_minor, sequence, pending_saga_id, pending_tried_at, version,
    refunding_minor, events_head"""


async def load_merchant_shares(connection: Connection, keys: Sequence[str]) -> list[MerchantShare]:
    """Lock and read these shares; a missing one is inserted empty first, for cards of several lanes may meet in it."""
    shares = await _lock_merchant_shares(connection, keys)
    missing = sorted(set(keys) - {share.id for share in shares})
    if missing:
        await connection.execute(
            f"""insert into merchant_shares ({_SHARE})
                select key, regexp_replace(key, '/[^/]*$', ''), 0, 0, 0, null, null, 0, 0, ''
                from unnest($1::text[]) key on conflict (id) do nothing""",
            missing,
        )
        shares += await _lock_merchant_shares(connection, missing)
    return shares


async def load_lenders(connection: Connection, merchant_ids: Sequence[str]) -> list[MerchantShare]:
    """Lock and read the shares of these merchants that have something free and that no other lane has in hand: whoever
    wants more than its own share waits for nobody, so no two can wait for each other."""
    rows = await connection.fetch(
        f"""select {_SHARE} from merchant_shares
            where id = any($1::text[]) and payable_minor > settling_minor + refunding_minor
            order by id for no key update skip locked""",
        [key for merchant_id in merchant_ids for key in share_keys(merchant_id)],
    )
    return [_share_of(row) for row in rows]


async def _lock_merchant_shares(connection: Connection, keys: Sequence[str]) -> list[MerchantShare]:
    rows = await connection.fetch(
        f"select {_SHARE} from merchant_shares where id = any($1::text[]) order by id for no key update", keys
    )
    return [_share_of(row) for row in rows]


def _share_of(row: asyncpg.Record) -> MerchantShare:
    saga_id = row["pending_saga_id"]
    return MerchantShare(
        id=row["id"], merchant_id=row["merchant_id"], payable_minor=row["payable_minor"],
        settling_minor=row["settling_minor"], sequence=row["sequence"],
        pending=Pending(saga_id, row["pending_tried_at"]) if saga_id is not None else None, version=row["version"],
        refunding_minor=row["refunding_minor"], events_head=row["events_head"],
    )


save_merchant_shares = Saving(
    "merchant_shares",
    key="id",
    once=columns("text", "id", "merchant_id"),
    moving=(
        *columns("bigint", "payable_minor", "settling_minor", "refunding_minor", "sequence", "version"),
        column("pending_saga_id", "text", lambda s: s.pending.saga_id if s.pending else None),
        column("pending_tried_at", "timestamptz", lambda s: s.pending.tried_at if s.pending else None),
        column("events_head", "bytea"),
    ),
    sealed=True,
)
"""A share that is saved was found: loading it made its row."""
