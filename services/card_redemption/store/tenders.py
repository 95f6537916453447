"""Rows of what orders took of gift cards."""

from collections.abc import Sequence

import asyncpg
import msgspec

from services.card_redemption.domain.cards.tender import CardRefund, CardTender
from services.kernel.participant import Pending
from services.runtime.ground.tables import Connection

_TENDER = """order_id, card_id, merchant_id, deposited_minor, returned_minor, captured_minor, refunds, pending_saga_id,
    pending_tried_at, version, covering_minor"""
_REFUNDS = msgspec.json.Decoder(tuple[CardRefund, ...])


async def load_tenders(connection: Connection, keys: Sequence[str]) -> list[CardTender]:
    """Read the tenders of these orders; their cards are locked already."""
    rows = await connection.fetch(f"select {_TENDER} from card_tenders where order_id = any($1::text[])", keys)
    return [_tender_of(row) for row in rows]


def _tender_of(row: asyncpg.Record) -> CardTender:
    saga_id = row["pending_saga_id"]
    return CardTender(
        order_id=row["order_id"], card_id=row["card_id"], merchant_id=row["merchant_id"],
        deposited_minor=row["deposited_minor"], returned_minor=row["returned_minor"],
        captured_minor=row["captured_minor"], refunds=_REFUNDS.decode(row["refunds"]),
        pending=Pending(saga_id, row["pending_tried_at"]) if saga_id is not None else None, version=row["version"],
        covering_minor=row["covering_minor"],
    )


async def save_tenders(connection: Connection, rows: Sequence[CardTender]) -> None:
    """Insert new tenders, update known ones."""
    await connection.execute(
        f"""insert into card_tenders ({_TENDER})
            select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                                 $7::json[], $8::text[], $9::timestamptz[], $10::bigint[], $11::bigint[])
            on conflict (order_id) do update set deposited_minor = excluded.deposited_minor,
                returned_minor = excluded.returned_minor, captured_minor = excluded.captured_minor,
                refunds = excluded.refunds, pending_saga_id = excluded.pending_saga_id,
                pending_tried_at = excluded.pending_tried_at, version = excluded.version,
                covering_minor = excluded.covering_minor""",
        [t.order_id for t in rows], [t.card_id for t in rows], [t.merchant_id for t in rows],
        [t.deposited_minor for t in rows], [t.returned_minor for t in rows], [t.captured_minor for t in rows],
        [msgspec.json.encode(t.refunds) for t in rows], [t.pending.saga_id if t.pending else None for t in rows],
        [t.pending.tried_at if t.pending else None for t in rows], [t.version for t in rows],
        [t.covering_minor for t in rows],
    )
